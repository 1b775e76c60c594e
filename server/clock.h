#ifndef LOCKSTEP_SERVER_CLOCK_H_
#define LOCKSTEP_SERVER_CLOCK_H_

// Where every part of lockstepd gets its time from, so that a test can move it.
// Deadlines use Now(), which never jumps; WallTime() is for people only.

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace lockstep {

class Clock {
 public:
  virtual ~Clock() = default;

  // Monotonic: time since an arbitrary start. Thread-safe.
  virtual absl::Duration Now() const = 0;

  // The time of day, shown to people and stored with rows. Thread-safe.
  virtual absl::Time WallTime() const = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_CLOCK_H_
