#ifndef LOCKSTEP_SERVER_SCHEDULER_QUEUE_USES_H_
#define LOCKSTEP_SERVER_SCHEDULER_QUEUE_USES_H_

// What the jobs of each queue have, from the scheduler's state. Pure.

#include "server/scheduler/scheduler_state.h"
#include "server/scheduler/scheduling_policy.h"

namespace lockstep {

// Of each queue and kind of device.
QueueUses UsesOf(const SchedulerState& state);

// How many devices of a kind its jobs may have together, if that is limited.
std::optional<int> QuotaOf(const v1::Queue& queue, v1::Device::Kind kind);

// FAILED_PRECONDITION, NOT_ENOUGH_QUOTA: a job of the queue may never have as
// many.
absl::Status CheckQuota(const v1::Queue& queue, const DevicePool& pool,
                        const v1::JobSpec& spec);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_QUEUE_USES_H_
