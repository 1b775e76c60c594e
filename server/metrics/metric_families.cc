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

using Buckets = prometheus::Histogram::BucketBoundaries;

const Buckets ServerMetrics::Families::kStepSeconds = {
    .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};
// A job seldom writes one, so that finer ones would be thousands of series that
// say nothing more: the mean is in the sum and the count.
const Buckets ServerMetrics::Families::kCheckpointSeconds = {.5, 10, 600};
const Buckets ServerMetrics::Families::kQueueSeconds = {
    1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120};
const Buckets ServerMetrics::Families::kAnswerSeconds = {
    .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};

ServerMetrics::Families::Families()
    : registry(std::make_shared<prometheus::Registry>()),
      build_info(GaugeOf(*registry, "lockstep_build_info",
                         "1, with the running release as labels.")),
      jobs(GaugeOf(*registry, "lockstep_jobs", "Jobs by state.")),
      queue_depth(GaugeOf(*registry, "lockstep_queue_depth",
                          "Jobs that are ready and wait for devices.")),
      jobs_finished(CounterOf(*registry, "lockstep_jobs_finished_total",
                              "Jobs that have ended, by how.")),
      job_restarts(CounterOf(
          *registry, "lockstep_job_restarts_total",
          "Attempts after a job's first, by the end cause of the one before.")),
      job_queue_wait(HistogramOf(
          *registry, "lockstep_job_queue_wait_seconds",
          "How long a job was ready and waited for devices before an attempt, "
          "by its priority.")),
      job_info(GaugeOf(*registry, "lockstep_job_info",
                       "1, with what the job is as labels.")),
      job_state(GaugeOf(*registry, "lockstep_job_state",
                        "1, with the state that the job is in as label.")),
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
      train_mfu(GaugeOf(*registry, "lockstep_train_mfu_ratio",
                        "Model FLOPs a second over the dense peak of the GPUs, "
                        "of the newest steps.")),
      train_step(
          GaugeOf(*registry, "lockstep_train_step", "Optimizer steps done.")),
      train_steps_planned(GaugeOf(*registry, "lockstep_train_steps_planned",
                                  "Optimizer steps of the run.")),
      train_last_step_time(
          GaugeOf(*registry, "lockstep_train_last_step_timestamp_seconds",
                  "When the newest logged step was reported.")),
      train_steps(CounterOf(*registry, "lockstep_train_steps_total",
                            "Optimizer steps done, those done again among "
                            "them.")),
      train_samples(CounterOf(*registry, "lockstep_train_samples_total",
                              "Rows trained on, over all ranks.")),
      train_tokens(CounterOf(*registry, "lockstep_train_tokens_total",
                             "Input tokens trained on, without padding.")),
      train_flops(CounterOf(*registry, "lockstep_train_flops_total",
                            "Floating-point operations that the model needed, "
                            "over all ranks.")),
      train_phase_time(CounterOf(*registry,
                                 "lockstep_train_phase_seconds_total",
                                 "Time of rank 0 by what it did.")),
      train_step_duration(HistogramOf(*registry,
                                      "lockstep_train_step_duration_seconds",
                                      "Duration of an optimizer step.")),
      eval_loss(GaugeOf(*registry, "lockstep_eval_loss",
                        "Newest loss on the evaluation set.")),
      checkpoint_time(
          GaugeOf(*registry, "lockstep_train_last_checkpoint_timestamp_seconds",
                  "When the newest checkpoint was listed.")),
      checkpoint_bytes(GaugeOf(*registry, "lockstep_checkpoint_bytes",
                               "Size of the newest checkpoint.")),
      checkpoint_duration(HistogramOf(
          *registry, "lockstep_checkpoint_duration_seconds",
          "How long training waited for checkpoints between two logged steps; "
          "what is written meanwhile does not count.")),
      rpc_handled(CounterOf(*registry, "lockstep_grpc_server_handled_total",
                            "Answered calls by method and code.")),
      rpc_duration(
          HistogramOf(*registry, "lockstep_grpc_server_handling_seconds",
                      "Time from the arrival of a call to its answer.")),
      store_transaction(HistogramOf(
          *registry, "lockstep_store_transaction_seconds",
          "Time of a transaction of the store, which commits all writes that "
          "wait.")) {}

}  // namespace lockstep
