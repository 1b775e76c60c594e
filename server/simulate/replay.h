#ifndef LOCKSTEP_SERVER_SIMULATE_REPLAY_H_
#define LOCKSTEP_SERVER_SIMULATE_REPLAY_H_

// A trace under a scheduling policy, in simulated time: each job waits from its
// submission until the policy starts it, and holds its devices for its duration
// or until its time limit. Nothing fails, starts take no time, and nobody gives
// way. Pure.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/scheduler/scheduling_policy.h"
#include "server/simulate/trace.h"

namespace lockstep {

// Hosts with as many GPUs each.
struct SimulatedCluster {
  int nodes = 1;
  int gpus = 8;

  int devices() const { return nodes * gpus; }
};

struct Replay {
  struct Ran {
    absl::Duration waited;
    absl::Duration ran;
  };
  // In the order of the trace.
  std::vector<Ran> jobs;
  // From the first submission to the last end.
  absl::Duration makespan;
  // How often the policy was asked.
  int64_t decisions = 0;
};

// Whether usage of queues and owners counts for the order.
enum class Shares { kNone, kFair };

// INVALID_ARGUMENT when a job wants more devices than there are.
absl::StatusOr<Replay> ReplayTrace(const std::vector<TraceJob>& trace,
                                   const SimulatedCluster& cluster,
                                   const SchedulingPolicy& policy,
                                   Shares shares);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SIMULATE_REPLAY_H_
