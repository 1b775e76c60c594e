#ifndef LOCKSTEP_SERVER_SCHEDULER_DEADLINE_CLOCK_H_
#define LOCKSTEP_SERVER_SCHEDULER_DEADLINE_CLOCK_H_

// The clock by which the scheduler's deadlines are measured. It can stand still
// for as long as nobody could do what a deadline is for: while the disk of the
// store is full no checkpoint is listed and no end recorded, and a job that has
// a minute to write one has that minute when there is room again. Thread-safe.

#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/clock.h"

namespace lockstep {

class DeadlineClock final : public Clock {
 public:
  explicit DeadlineClock(const Clock& clock) : clock_(clock) {}

  // Fine when it stands, or goes, already.
  void Stand() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (!stands_since_.has_value()) stands_since_ = clock_.Now();
  }
  void Go() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (!stands_since_.has_value()) return;
    stood_ += clock_.Now() - *stands_since_;
    stands_since_.reset();
  }

  absl::Duration Now() const override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return stands_since_.value_or(clock_.Now()) - stood_;
  }
  // That goes on.
  absl::Time WallTime() const override { return clock_.WallTime(); }

 private:
  const Clock& clock_;
  mutable absl::Mutex mu_;
  std::optional<absl::Duration> stands_since_ ABSL_GUARDED_BY(mu_);
  // Altogether, until it last went on.
  absl::Duration stood_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_DEADLINE_CLOCK_H_
