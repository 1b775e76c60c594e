#include "server/metrics/metric_families.h"

namespace lockstep {
namespace {

prometheus::Family<prometheus::Gauge>& GaugeOf(prometheus::Registry& registry,
                                               const char* name,
                                               const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Counter>& CounterOf(
    prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Histogram>& HistogramOf(
    prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

}  // namespace

const prometheus::Histogram::BucketBoundaries
    ServerMetrics::Families::kStepSeconds = {.01, .025, .05, .1, .25, .5,
                                             1,   2.5,  5,   10, 30,  60};
const prometheus::Histogram::BucketBoundaries
    ServerMetrics::Families::kRpcSeconds = {
        .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};

ServerMetrics::Families::Families()
    : registry(std::make_shared<prometheus::Registry>()),
      build_info(GaugeOf(*registry, "lockstep_build_info",
                         "1, with the running release as labels.")),
      jobs(GaugeOf(*registry, "lockstep_jobs", "Jobs by state.")),
      job_state(GaugeOf(*registry, "lockstep_job_state",
                        "1 for the state that the job is in, else 0.")),
      train_loss(GaugeOf(*registry, "lockstep_train_loss",
                         "Mean loss per trained token of the newest step.")),
      train_grad_norm(GaugeOf(*registry, "lockstep_train_grad_norm",
                              "Norm of the gradient before clipping.")),
      train_learning_rate(GaugeOf(*registry, "lockstep_train_learning_rate",
                                  "Learning rate of the newest step.")),
      train_epochs(GaugeOf(*registry, "lockstep_train_epochs",
                           "Passes over the data, with fraction.")),
      train_token_accuracy(
          GaugeOf(*registry, "lockstep_train_token_accuracy_ratio",
                  "Share of trained tokens that the model put first.")),
      train_tokens_per_second(
          GaugeOf(*registry, "lockstep_train_tokens_per_second",
                  "Input tokens a second over all ranks, without padding.")),
      train_step(
          GaugeOf(*registry, "lockstep_train_step", "Optimizer steps done.")),
      train_last_step_time(
          GaugeOf(*registry, "lockstep_train_last_step_timestamp_seconds",
                  "When the newest logged step was reported.")),
      train_tokens(CounterOf(*registry, "lockstep_train_tokens_total",
                             "Input tokens trained on, without padding.")),
      train_step_duration(HistogramOf(*registry,
                                      "lockstep_train_step_duration_seconds",
                                      "Duration of an optimizer step.")),
      eval_loss(GaugeOf(*registry, "lockstep_eval_loss",
                        "Newest loss on the evaluation set.")),
      rpc_handled(CounterOf(*registry, "lockstep_grpc_server_handled_total",
                            "Answered calls by method and code.")),
      rpc_duration(
          HistogramOf(*registry, "lockstep_grpc_server_handling_seconds",
                      "Time from the arrival of a call to its answer.")) {}

}  // namespace lockstep
