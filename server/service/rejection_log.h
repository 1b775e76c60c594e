#ifndef LOCKSTEP_SERVER_SERVICE_REJECTION_LOG_H_
#define LOCKSTEP_SERVER_SERVICE_REJECTION_LOG_H_

// Says in the log who was refused what, so that an attack is seen; a caller
// that keeps on being refused fills no disk: a few lines a minute, then one
// with how many there were besides. Neither tokens nor what they might have
// been meant for are in it.
//
// Thread-safe.

#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/clock.h"

namespace lockstep {

class RejectionLog {
 public:
  using Sink = std::function<void(const std::string& line)>;

  static constexpr int kLinesAMinute = 20;

  // Into lockstepd's log.
  explicit RejectionLog(const Clock& clock);
  RejectionLog(const Clock& clock, Sink sink)
      : clock_(clock), sink_(std::move(sink)) {}

  // `who`: the address, and the name where it is known.
  void Note(absl::string_view who, absl::string_view method,
            absl::string_view reason) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const Clock& clock_;
  const Sink sink_;
  absl::Mutex mu_;
  absl::Duration since_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  int lines_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t unsaid_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_REJECTION_LOG_H_
