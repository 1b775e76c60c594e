#ifndef LOCKSTEP_SERVER_METRICS_METRIC_FAMILIES_H_
#define LOCKSTEP_SERVER_METRICS_METRIC_FAMILIES_H_

// The names, help texts and buckets behind ServerMetrics. One unit a name, base
// units, _total for counters. A help text is one line: prometheus-cpp does not
// escape it.

#include <memory>

#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/metrics/server_metrics.h"

namespace lockstep {

struct ServerMetrics::Families {
  Families();

  using Counters = prometheus::Family<prometheus::Counter>;
  using Gauges = prometheus::Family<prometheus::Gauge>;
  using Histograms = prometheus::Family<prometheus::Histogram>;

  const std::shared_ptr<prometheus::Registry> registry;
  Gauges& build_info;
  Gauges& jobs;
  Gauges& job_state;
  Gauges& train_loss;
  Gauges& train_grad_norm;
  Gauges& train_learning_rate;
  Gauges& train_epochs;
  Gauges& train_token_accuracy;
  Gauges& train_tokens_per_second;
  Gauges& train_step;
  Gauges& train_last_step_time;
  Counters& train_tokens;
  Histograms& train_step_duration;
  Gauges& eval_loss;
  Counters& rpc_handled;
  Histograms& rpc_duration;

  static const prometheus::Histogram::BucketBoundaries kStepSeconds;
  static const prometheus::Histogram::BucketBoundaries kRpcSeconds;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_METRICS_METRIC_FAMILIES_H_
