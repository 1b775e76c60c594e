#ifndef LOCKSTEP_CLIENT_CLI_PROGRESS_H_
#define LOCKSTEP_CLIENT_CLI_PROGRESS_H_

// How a followed job shows itself on stderr: on a terminal one line that is
// redrawn, elsewhere plain lines: the first, the last, and between them at most
// one in 30 seconds.

#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace lockstep::cli {

struct TrainingProgress {
  int64_t step = 0;
  int64_t steps = 0;  // Planned; 0 when not known yet.
  double loss = 0;
  double learning_rate = 0;
  double tokens_per_second = 0;
  double mfu = 0;  // 0 when not known.
};

struct ProgressStyle {
  bool redraw = false;   // stderr is a terminal that can.
  bool unicode = false;  // Bar of eighths; else of '#'.
  int width = 80;
};

// `cells` characters between two edges, of which a share is filled.
std::string FormatBar(double share, int cells, bool unicode);

// "step 420/1200 ▕███▌      ▏ 35% loss 1.213 lr 1.8e-4 18.2k tok/s eta 12m";
// without the bar when the style does not redraw or the width is too small.
std::string FormatProgress(const TrainingProgress& progress,
                           std::optional<absl::Duration> eta,
                           const ProgressStyle& style);

// Thread-safe.
class ProgressDisplay {
 public:
  // `now` is the clock that thins out the lines.
  ProgressDisplay(std::ostream& err, const ProgressStyle& style,
                  std::function<absl::Time()> now);

  // A line that stays: "running attempt 1 on 2 ranks". One that repeats the
  // last is dropped.
  void Phase(absl::string_view line);
  void Update(const TrainingProgress& progress);
  // Shows what was held back; leaves the cursor on a fresh line.
  void Finish();

 private:
  void Show(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::optional<absl::Duration> Eta(absl::Time now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const ProgressStyle style_;
  const std::function<absl::Time()> now_;
  absl::Mutex mu_;
  std::ostream& err_ ABSL_GUARDED_BY(mu_);
  std::string phase_ ABSL_GUARDED_BY(mu_);
  std::optional<TrainingProgress> newest_ ABSL_GUARDED_BY(mu_);
  bool pending_ ABSL_GUARDED_BY(mu_) = false;  // newest_ is not shown yet.
  bool drawn_ ABSL_GUARDED_BY(mu_) = false;    // The cursor is on the line.
  absl::Time shown_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  // Where the speed is measured from: the first step seen of this attempt.
  int64_t base_step_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Time base_time_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_PROGRESS_H_
