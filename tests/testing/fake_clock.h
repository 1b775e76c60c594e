#ifndef LOCKSTEP_TESTS_TESTING_FAKE_CLOCK_H_
#define LOCKSTEP_TESTS_TESTING_FAKE_CLOCK_H_

// A Clock that stands still until a test moves it. Thread-safe.

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/clock.h"

namespace lockstep::testing {

class FakeClock : public Clock {
 public:
  absl::Duration Now() const override {
    absl::MutexLock lock(&mu_);
    return now_;
  }
  // Starts on 2026-01-01 and moves with Now().
  absl::Time WallTime() const override {
    return absl::FromUnixSeconds(1767225600) + Now();
  }

  void Advance(absl::Duration by) {
    absl::MutexLock lock(&mu_);
    now_ += by;
  }

 private:
  mutable absl::Mutex mu_;
  absl::Duration now_ ABSL_GUARDED_BY(mu_) = absl::Seconds(1000);
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_FAKE_CLOCK_H_
