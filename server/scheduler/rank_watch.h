#ifndef LOCKSTEP_SERVER_SCHEDULER_RANK_WATCH_H_
#define LOCKSTEP_SERVER_SCHEDULER_RANK_WATCH_H_

// Watches the ranks of live attempts by what they say: which have fallen
// silent, and which attempts no longer take steps. Each heartbeat costs a look
// into a map and nothing else; what becomes of a finding is Step's to decide
// (step_hang.cc).
//
// A rank says something in every heartbeat interval whatever its trainer does,
// so one that is silent for two is stopped, cut off, or gone. A rank may also
// talk on while its trainer stands; then no step is done by anyone, since all
// wait for it. How long a step may take follows from the steps before it. And
// one may only be slower than the others (rank_paces.h).
//
// Thread-safe: connections tell, the scheduler's thread looks.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "server/events/metric_log.h"
#include "server/scheduler/attempt_tokens.h"
#include "server/scheduler/rank_paces.h"
#include "server/scheduler/scheduler_options.h"

namespace lockstep {

// What a rank said last.
struct RankSign {
  int rank = 0;
  absl::Duration silent_for;
  worker::v1::Phase phase = worker::v1::PHASE_UNSPECIFIED;
  std::optional<worker::v1::Collective> collective;
};

// A rank fell silent, or is heard again; each is told once.
struct SilenceFound {
  AttemptRef attempt;
  RankSign rank;
  bool over = false;
};
// No step for too long, or nothing from a rank for as long; told once.
struct HangFound {
  AttemptRef attempt;
  // Steps done.
  int64_t step = 0;
  absl::Duration stands_for;
  absl::Duration limit;
  std::vector<RankSign> ranks;
};
// A rank holds the others up, or no longer.
struct SlowFound {
  AttemptRef attempt;
  RankSlowness rank;
};
using WatchFinding = std::variant<SilenceFound, HangFound, SlowFound>;

// When a rank was heard last.
struct RankHeard {
  AttemptRef attempt;
  int rank = 0;
  absl::Duration at;
  worker::v1::Phase phase = worker::v1::PHASE_UNSPECIFIED;
  // It was told of as silent.
  bool silent = false;
  // It has said its last word.
  bool left = false;
  // How long it computes over the median rank; 0 where that is not known.
  double slowdown = 0;
};

// What a rank told of its GPU.
struct RankGpu {
  AttemptRef attempt;
  int rank = 0;
  absl::Duration at;
  worker::v1::GpuReading reading;
};

class RankWatch {
 public:
  explicit RankWatch(const SchedulerOptions& options) : options_(options) {}

  // All ranks of an attempt have joined: each has a period to say its first
  // word.
  void Open(const AttemptRef& attempt, int ranks, absl::Duration now);
  // It has ended.
  void Close(const AttemptRef& attempt);

  // A rank says where it is. Whether that is news: another step or phase. False
  // for attempts that are not open.
  bool Hear(const worker::v1::HeartbeatRequest& heartbeat, absl::Duration now);
  // It has said its last word, as when it has trained to the end while another
  // still writes the result; unless it is heard again.
  void Leave(const worker::v1::Caller& caller);
  // It reports something, and with it, perhaps, the steps done.
  void HearReport(const worker::v1::Caller& caller, std::optional<int64_t> step,
                  absl::Duration now);
  // Where its time went, among other points.
  void HearPoints(const worker::v1::Caller& caller, const MetricPoints& points);
  // Of each rank of an open attempt, how long it computes over the median rank;
  // 0 where that is not known. Empty for others.
  std::vector<double> Slowdowns(const AttemptRef& attempt) const;

  // What became so since the last look. When that is long ago, this process did
  // not run, and knows nothing of the time between.
  std::vector<WatchFinding> Look(absl::Duration now);

  // All ranks of open attempts.
  std::vector<RankHeard> Ranks() const;
  // What each of them told last of its GPU, unless that is as old as a silence.
  std::vector<RankGpu> Gpus(absl::Duration now) const;

 private:
  struct Rank {
    absl::Duration heard_at;
    int64_t step = 0;
    worker::v1::Phase phase = worker::v1::PHASE_UNSPECIFIED;
    std::optional<worker::v1::Collective> collective;
    bool silent = false;
    bool left = false;
    std::optional<worker::v1::GpuReading> gpu;
    absl::Duration gpu_at;
  };
  struct Attempt {
    explicit Attempt(int world_size) : paces(world_size) {}

    std::vector<Rank> ranks;
    // The most steps that any rank has told, and since when they are waited
    // for: the one before, or the end of what was not training.
    int64_t step = 0;
    absl::Duration waits_since;
    // Seconds a step of the newest ones, oldest first.
    std::deque<double> step_seconds;
    bool told = false;
    RankPaces paces;
  };
  using Key = std::pair<std::string, int>;

  Rank* Find(const worker::v1::Caller& caller, Attempt** attempt)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void TakeStep(Attempt& attempt, Rank& rank, int64_t step,
                       absl::Duration now);
  // How long a step may take; infinite before the first is known.
  absl::Duration StepLimit(const Attempt& attempt) const;
  void LookAt(const Key& key, Attempt& attempt, absl::Duration now,
              std::vector<WatchFinding>& findings) const;

  const SchedulerOptions options_;
  mutable absl::Mutex mu_;
  std::map<Key, Attempt> attempts_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Duration> looked_at_ ABSL_GUARDED_BY(mu_);
};

// The rank that the others wait for: one that is silent, the longest first, or
// else the one that has entered the fewest collectives. None when that is all
// of them.
std::optional<int> StuckRank(const std::vector<RankSign>& ranks,
                             absl::Duration silence);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_RANK_WATCH_H_
