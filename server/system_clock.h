#ifndef LOCKSTEP_SERVER_SYSTEM_CLOCK_H_
#define LOCKSTEP_SERVER_SYSTEM_CLOCK_H_

// The time of this machine. Now() also counts while it is suspended, and does
// not move when somebody sets the time of day.

#include "server/clock.h"

namespace lockstep {

class SystemClock : public Clock {
 public:
  absl::Duration Now() const override;
  absl::Time WallTime() const override;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SYSTEM_CLOCK_H_
