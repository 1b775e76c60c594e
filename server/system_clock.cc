#include "server/system_clock.h"

#include <time.h>

namespace lockstep {

absl::Duration SystemClock::Now() const {
  timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

absl::Time SystemClock::WallTime() const { return absl::Now(); }

}  // namespace lockstep
