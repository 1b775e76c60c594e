#include "server/system_clock.h"

#include "proto/contract/monotonic_time.h"

namespace lockstep {

absl::Duration SystemClock::Now() const {
  return MonotonicNow() - absl::UnixEpoch();
}

absl::Time SystemClock::WallTime() const { return absl::Now(); }

}  // namespace lockstep
