#ifndef LOCKSTEP_SERVER_METRIC_FAMILY_H_
#define LOCKSTEP_SERVER_METRIC_FAMILY_H_

// For families that are counted when somebody scrapes (goodput_metrics.h,
// worker_metrics.h).

#include <utility>
#include <vector>

#include "prometheus/client_metric.h"
#include "prometheus/metric_family.h"

namespace lockstep {

inline void AddGauge(prometheus::MetricFamily& family,
                     std::vector<prometheus::ClientMetric::Label> labels,
                     double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
}

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_METRIC_FAMILY_H_
