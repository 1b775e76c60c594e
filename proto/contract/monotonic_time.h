#ifndef LOCKSTEP_PROTO_CONTRACT_MONOTONIC_TIME_H_
#define LOCKSTEP_PROTO_CONTRACT_MONOTONIC_TIME_H_

// The time that deadlines are kept in: whoever sets the clock of a host does
// not move it, and it goes on while the host sleeps. Not to be shown to people,
// and not to be compared with absl::Now().

#include <time.h>

#include "absl/time/time.h"

namespace lockstep {

inline absl::Time MonotonicNow() {
  timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::TimeFromTimespec(now);
}

// What is left until `deadline`, for a wait with a timeout; zero when it has
// passed.
inline absl::Duration TimeLeft(absl::Time deadline) {
  const absl::Duration left = deadline - MonotonicNow();
  return left > absl::ZeroDuration() ? left : absl::ZeroDuration();
}

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_MONOTONIC_TIME_H_
