#ifndef LOCKSTEP_SERVER_SIMULATE_REPORT_H_
#define LOCKSTEP_SERVER_SIMULATE_REPORT_H_

// What a replay says of a policy, in numbers and as a table. Pure.

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/simulate/replay.h"

namespace lockstep {

struct ReplayFacts {
  // Device time in which jobs ran, of all there was until the last end.
  double utilization = 0;
  // By the power of two that a job's devices fit into: 1, 2, 4, ...
  std::map<int, absl::Duration> mean_wait;
  absl::Duration mean_wait_of_all;
  // Jain's index over owners, (sum x)^2 / (n sum x^2), of the share of the time
  // from submission to end in which their jobs ran: 1 when all owners are
  // served alike, 1/n when one is served alone.
  double fairness = 0;
};

// Of a trace that was replayed on this cluster.
ReplayFacts FactsOf(const std::vector<TraceJob>& trace, const Replay& replay,
                    const SimulatedCluster& cluster);

// Side by side.
std::string ReportOf(const std::vector<TraceJob>& trace,
                     const ReplayFacts& policy, const ReplayFacts& fifo);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SIMULATE_REPORT_H_
