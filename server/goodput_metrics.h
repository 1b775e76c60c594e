#ifndef LOCKSTEP_SERVER_GOODPUT_METRICS_H_
#define LOCKSTEP_SERVER_GOODPUT_METRICS_H_

// Where the time of each job went, in /metrics, of those jobs that have series
// there (server/metrics/server_metrics.h). Counted when somebody scrapes, up to
// that moment.

#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "server/clock.h"
#include "server/metrics/server_metrics.h"
#include "server/store/job_store.h"

namespace lockstep {

class GoodputMetrics : public prometheus::Collectable {
 public:
  // All are borrowed and outlive this.
  GoodputMetrics(const Clock& clock, const JobStore& store,
                 const ServerMetrics& metrics)
      : clock_(clock), store_(store), metrics_(metrics) {}

  // lockstep_job_time_seconds by job and class, and
  // lockstep_train_goodput_ratio by job, once it has held devices;
  // lockstep_goodput_device_seconds of all of them.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Clock& clock_;
  const JobStore& store_;
  const ServerMetrics& metrics_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_GOODPUT_METRICS_H_
