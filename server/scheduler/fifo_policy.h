#ifndef LOCKSTEP_SERVER_SCHEDULER_FIFO_POLICY_H_
#define LOCKSTEP_SERVER_SCHEDULER_FIFO_POLICY_H_

// The more urgent first, and first come, first served among equals, for each
// kind of device: a job that does not fit holds back those behind it, so that a
// large job is never starved by small ones. A job that waits out a failure
// holds back nobody, and one for which devices are kept starts on them.

#include <vector>

#include "server/scheduler/scheduling_policy.h"

namespace lockstep {

class FifoPolicy : public SchedulingPolicy {
 public:
  std::vector<SchedulingDecision> Decide(const std::vector<WaitingJob>& queue,
                                         const DevicePool& pool) const override;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_FIFO_POLICY_H_
