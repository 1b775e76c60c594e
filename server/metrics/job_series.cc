#include "server/metrics/job_series.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "proto/contract/job_state.h"
#include "proto/contract/step_parts.h"

namespace lockstep {
namespace {

// Of lockstep_train_phase_seconds_total.
const char* PhaseOf(const StepPart& part) {
  return part.kind == v1::Span::OPTIMIZER ? "optim" : part.name;
}

std::string IdOf(const v1::Job& job) {
  return std::string(absl::StripPrefix(job.name(), "jobs/"));
}

// "Qwen3-4B" of "/models/Qwen3-4B/": where it lies is nobody's business.
std::string ModelOf(const v1::Job& job) {
  absl::string_view path = job.spec().model().path();
  while (absl::ConsumeSuffix(&path, "/")) {
  }
  return std::string(path.substr(path.rfind('/') + 1));
}

prometheus::Labels InfoOf(const v1::Job& job) {
  const std::string& name = job.spec().name();
  return {{"job_id", IdOf(job)},
          {"name", name.empty() ? IdOf(job) : name},
          {"user", job.owner()},
          {"model", ModelOf(job)},
          {"method", job.spec().method().has_full() ? "full" : "lora"}};
}

// Null where the point has none.
const double* Find(const v1::MetricPoint& point, const std::string& name) {
  const auto found = point.values().find(name);
  return found == point.values().end() ? nullptr : &found->second;
}

// Other points are of evaluations.
bool IsStep(const v1::MetricPoint& point) {
  // A step may have nothing to learn from, and then no loss.
  return Find(point, "loss") != nullptr || Find(point, "tokens") != nullptr;
}

// The step that an attempt went on from, as far as it is known.
int64_t BeginOf(const v1::Job& job, int attempt) {
  if (attempt < 1 || attempt > job.attempts_size()) return 0;
  const int64_t resumed = job.attempts(attempt - 1).resume_step();
  return resumed > 0 ? resumed : job.origin().step();
}

bool IsAmount(double value) { return std::isfinite(value) && value >= 0; }

}  // namespace

ServerMetrics::JobSeries::JobSeries(Families& families, const v1::Job& job)
    : families_(families), labels_({{"job_id", IdOf(job)}}) {
  Add(families_.job_info, InfoOf(job)).Set(1);
}

ServerMetrics::JobSeries::~JobSeries() {
  if (state_ != nullptr) families_.job_state.Remove(state_);
  for (const auto& remove : removals_) remove();
}

template <typename Metric, typename... Args>
Metric& ServerMetrics::JobSeries::Add(prometheus::Family<Metric>& family,
                                      const prometheus::Labels& labels,
                                      const Args&... args) {
  Metric& metric = family.Add(labels, args...);
  removals_.push_back([&family, &metric] { family.Remove(&metric); });
  return metric;
}

void ServerMetrics::JobSeries::Set(Families::Gauges& family, double value) {
  prometheus::Gauge*& gauge = gauges_[&family];
  if (gauge == nullptr) gauge = &Add(family, labels_);
  gauge->Set(value);
}

void ServerMetrics::JobSeries::Count(Families::Counters& family, double value) {
  prometheus::Counter*& counter = counters_[&family];
  if (counter == nullptr) counter = &Add(family, labels_);
  // One of prometheus-cpp would take NaN as well, and never lose it.
  if (IsAmount(value)) counter->Increment(value);
}

void ServerMetrics::JobSeries::CountPhase(const std::string& phase,
                                          double seconds) {
  prometheus::Counter*& counter = phases_[phase];
  if (counter == nullptr) {
    prometheus::Labels labels = labels_;
    labels["phase"] = phase;
    counter = &Add(families_.train_phase_time, labels);
  }
  if (IsAmount(seconds)) counter->Increment(seconds);
}

void ServerMetrics::JobSeries::Observe(Families::Histograms& family,
                                       const Families::Buckets& buckets,
                                       double value) {
  prometheus::Histogram*& histogram = histograms_[&family];
  if (histogram == nullptr) histogram = &Add(family, labels_, buckets);
  if (IsAmount(value)) histogram->Observe(value);
}

void ServerMetrics::JobSeries::SetJob(const v1::Job& job) {
  if (state_ == nullptr || shown_state_ != job.state()) {
    // Ten series of each job would be a sixth of all.
    if (state_ != nullptr) families_.job_state.Remove(state_);
    prometheus::Labels labels = labels_;
    labels["state"] = absl::AsciiStrToLower(StateName(job.state()));
    state_ = &families_.job_state.Add(labels);
    state_->Set(1);
    shown_state_ = job.state();
  }
  if (job.plan().steps() > 0) {
    Set(families_.train_steps_planned, static_cast<double>(job.plan().steps()));
  }
}

void ServerMetrics::JobSeries::SetCheckpoint(const v1::Checkpoint& checkpoint) {
  Set(families_.checkpoint_time,
      absl::ToDoubleSeconds(
          absl::Seconds(checkpoint.create_time().seconds()) +
          absl::Nanoseconds(checkpoint.create_time().nanos())));
  Set(families_.checkpoint_bytes, static_cast<double>(checkpoint.size_bytes()));
}

bool ServerMetrics::JobSeries::IsNew(int attempt,
                                     const v1::MetricPoint& point) {
  const std::pair<int, int64_t> place = {attempt, point.seq()};
  if (place <= newest_) return false;
  newest_ = place;
  return true;
}

int64_t ServerMetrics::JobSeries::StepsOf(const v1::Job& job, int attempt,
                                          const v1::MetricPoint& point) {
  const bool follows = logged_.first == attempt;
  int64_t steps =
      point.step() - (follows ? logged_.second : BeginOf(job, attempt));
  if (!follows) {
    // Points before it may have come to an earlier lockstepd, and the
    // checkpoint that it went on from may be an older one than was asked for.
    const int64_t most =
        std::max<int64_t>(1, job.spec().logging().logging_steps());
    steps = steps > 0 ? std::min(steps, most) : most;
  }
  logged_ = {attempt, point.step()};
  return std::max<int64_t>(0, steps);
}

void ServerMetrics::JobSeries::SetNewest(
    Families::Gauges& family, const std::string& name,
    const std::vector<const v1::MetricPoint*>& points) {
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    const double* value = Find(**point, name);
    if (value != nullptr) return Set(family, *value);
  }
}

void ServerMetrics::JobSeries::CountStep(const v1::MetricPoint& point,
                                         int64_t steps, absl::Time now) {
  const std::pair<const char*, Families::Counters*> counters[] = {
      {"samples", &families_.train_samples},
      {"tokens", &families_.train_tokens},
      {"flops", &families_.train_flops},
  };
  Set(families_.train_step, static_cast<double>(point.step()));
  Set(families_.train_last_step_time,
      absl::ToDoubleSeconds(now - absl::UnixEpoch()));
  Count(families_.train_steps, static_cast<double>(steps));
  for (const auto& [name, family] : counters) {
    const double* value = Find(point, name);
    if (value != nullptr) Count(*family, *value);
  }
  for (const StepPart& part : kStepParts) {
    const double* seconds = Find(point, part.seconds);
    if (seconds == nullptr) continue;
    CountPhase(PhaseOf(part), *seconds * static_cast<double>(steps));
  }
  const double* seconds = Find(point, "step_seconds");
  if (seconds != nullptr) {
    Observe(families_.train_step_duration, Families::kStepSeconds, *seconds);
  }
}

void ServerMetrics::JobSeries::CountPauses(const v1::MetricPoint& point) {
  const double* evaluated = Find(point, "eval_seconds");
  if (evaluated != nullptr) CountPhase("eval", *evaluated);
  const double* saved = Find(point, "checkpoint_seconds");
  // It may be told with each step, and is 0 where none was written.
  if (saved == nullptr || !(*saved > 0)) return;
  CountPhase("checkpoint", *saved);
  Observe(families_.checkpoint_duration, Families::kCheckpointSeconds, *saved);
}

void ServerMetrics::JobSeries::TakePoints(
    const v1::Job& job, int attempt,
    const std::vector<const v1::MetricPoint*>& points, absl::Time now) {
  const std::pair<const char*, Families::Gauges*> gauges[] = {
      {"loss", &families_.train_loss},
      {"grad_norm", &families_.train_grad_norm},
      {"learning_rate", &families_.train_learning_rate},
      {"epoch", &families_.train_epochs},
      {"token_accuracy", &families_.train_token_accuracy},
      {"tokens_per_second", &families_.train_tokens_per_second},
      {"mfu", &families_.train_mfu},
      {"eval_loss", &families_.eval_loss},
  };
  std::vector<const v1::MetricPoint*> news;
  for (const v1::MetricPoint* point : points) {
    if (IsNew(attempt, *point)) news.push_back(point);
  }
  for (const auto& [name, family] : gauges) SetNewest(*family, name, news);
  for (const v1::MetricPoint* point : news) {
    CountPauses(*point);
    if (!IsStep(*point)) continue;
    CountStep(*point, StepsOf(job, attempt, *point), now);
  }
}

}  // namespace lockstep
