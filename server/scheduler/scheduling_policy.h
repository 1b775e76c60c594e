#ifndef LOCKSTEP_SERVER_SCHEDULER_SCHEDULING_POLICY_H_
#define LOCKSTEP_SERVER_SCHEDULER_SCHEDULING_POLICY_H_

// Which of the waiting jobs start now, where, and why the others wait. A pure
// function: the same view gives the same answer.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "server/scheduler/device_pool.h"
#include "server/scheduler/fair_share.h"
#include "server/scheduler/waiting_line.h"

namespace lockstep {

// What the jobs of a queue may have and have, of one kind of device.
struct QueueUse {
  std::optional<int> quota;
  // With what is kept for jobs of it.
  int used = 0;
};
// By (queue, kind); one that is missing has nothing and may have all.
using QueueUses = std::map<std::pair<std::string, v1::Device::Kind>, QueueUse>;

struct SchedulingView {
  const WaitingLine& line;
  const DevicePool& pool;
  const FairShares& shares;
  const QueueUses& uses;
  // How much longer a holder of devices may have them; infinite: not known.
  absl::FunctionRef<absl::Duration(const std::string& job)> time_left;
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

// Why all wait that a policy says nothing of: for those before them.
std::string WaitsForOthers(const DeviceDemand& demand);

class SchedulingPolicy {
 public:
  virtual ~SchedulingPolicy() = default;

  // Those that start, and those that wait for devices (CAPACITY) or for their
  // queue (QUOTA) and not for a job before them; in the order of the line.
  virtual std::vector<SchedulingDecision> Decide(
      const SchedulingView& view) const = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_SCHEDULING_POLICY_H_
