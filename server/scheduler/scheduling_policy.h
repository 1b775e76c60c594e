#ifndef LOCKSTEP_SERVER_SCHEDULER_SCHEDULING_POLICY_H_
#define LOCKSTEP_SERVER_SCHEDULER_SCHEDULING_POLICY_H_

// Which of the waiting jobs start now, where, and why the others wait. A pure
// function: the same queue and pool give the same answer.

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "server/scheduler/device_pool.h"

namespace lockstep {

// A job that is prepared and waits for devices.
struct WaitingJob {
  std::string name;
  DeviceDemand demand;
  // Time left until it may be tried again; zero or less: now.
  absl::Duration backoff;
};

struct SchedulingDecision {
  std::string name;
  // One place a rank, by rank; empty: it waits.
  std::vector<DevicePlace> places;
  v1::Job::PendingReason reason = v1::Job::PENDING_REASON_UNSPECIFIED;
  // With the numbers. It stays the same while nothing changes for this job:
  // each change of it is a write.
  std::string message;
};

class SchedulingPolicy {
 public:
  virtual ~SchedulingPolicy() = default;

  // One decision a job, in the order of `queue`: by priority, and of those of
  // one priority the oldest first.
  virtual std::vector<SchedulingDecision> Decide(
      const std::vector<WaitingJob>& queue, const DevicePool& pool) const = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_SCHEDULING_POLICY_H_
