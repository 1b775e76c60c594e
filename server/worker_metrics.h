#ifndef LOCKSTEP_SERVER_WORKER_METRICS_H_
#define LOCKSTEP_SERVER_WORKER_METRICS_H_

// The ranks of live attempts in /metrics: what they do, when each was heard
// last, and which are slow. Counted when somebody scrapes; those of an attempt
// go with its end.

#include <functional>
#include <utility>
#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "server/clock.h"
#include "server/scheduler/rank_watch.h"

namespace lockstep {

class WorkerMetrics : public prometheus::Collectable {
 public:
  // `ranks` tells of those that there are; thread-safe. The clock is
  // the scheduler's, and borrowed.
  WorkerMetrics(const Clock& clock,
                std::function<std::vector<RankHeard>()> ranks)
      : clock_(clock), ranks_(std::move(ranks)) {}

  // lockstep_workers by state: the phase that the rank told of, joined before
  // the first, silent when it has not been heard for too long, left when it has
  // said its last word. And by rank lockstep_worker_heartbeat_timestamp_seconds
  // and, of several ranks, lockstep_rank_slowdown_ratio.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Clock& clock_;
  const std::function<std::vector<RankHeard>()> ranks_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_WORKER_METRICS_H_
