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
  Gauges& queue_depth;
  Counters& jobs_finished;
  Counters& job_restarts;
  Histograms& job_queue_wait;
  Gauges& job_info;
  Gauges& job_state;
  Gauges& train_loss;
  Gauges& train_grad_norm;
  Gauges& train_learning_rate;
  Gauges& train_epochs;
  Gauges& train_token_accuracy;
  Gauges& train_tokens_per_second;
  Gauges& train_mfu;
  Gauges& train_step;
  Gauges& train_steps_planned;
  Gauges& train_last_step_time;
  Counters& train_steps;
  Counters& train_samples;
  Counters& train_tokens;
  Counters& train_flops;
  Counters& train_phase_time;
  Histograms& train_step_duration;
  Gauges& eval_loss;
  Gauges& checkpoint_time;
  Gauges& checkpoint_bytes;
  Histograms& checkpoint_duration;
  Counters& rpc_handled;
  Histograms& rpc_duration;
  Histograms& store_transaction;

  using Buckets = prometheus::Histogram::BucketBoundaries;
  static const Buckets kStepSeconds;
  static const Buckets kCheckpointSeconds;
  static const Buckets kQueueSeconds;
  // Of calls, and of transactions of the store.
  static const Buckets kAnswerSeconds;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_METRICS_METRIC_FAMILIES_H_
