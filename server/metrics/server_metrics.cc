#include "server/metrics/server_metrics.h"

#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "proto/contract/job_state.h"
#include "proto/contract/version.h"
#include "server/metrics/metric_families.h"

namespace lockstep {
namespace {

std::vector<v1::Job::State> AllStates() {
  std::vector<v1::Job::State> states;
  const auto* type = v1::Job::State_descriptor();
  for (int i = 0; i < type->value_count(); ++i) {
    const auto state = static_cast<v1::Job::State>(type->value(i)->number());
    if (state != v1::Job::STATE_UNSPECIFIED) states.push_back(state);
  }
  return states;
}

std::string LabelOf(v1::Job::State state) {
  return absl::AsciiStrToLower(StateName(state));
}

// One that only waits is counted, and has no series yet: there may be a hundred
// thousand of them.
bool HasBegun(const v1::Job& job) {
  return job.attempt() > 0 ||
         (job.state() != v1::Job::QUEUED && job.state() != v1::Job::PREPARING);
}

}  // namespace

// The series of one job. Each appears with its first value.
class ServerMetrics::JobSeries {
 public:
  JobSeries(Families& families, absl::string_view job_name)
      : families_(families),
        labels_(
            {{"job_id", std::string(absl::StripPrefix(job_name, "jobs/"))}}) {}

  ~JobSeries() {
    for (const auto& remove : removals_) remove();
  }

  JobSeries(const JobSeries&) = delete;
  JobSeries& operator=(const JobSeries&) = delete;

  void SetState(v1::Job::State state) {
    for (const v1::Job::State each : AllStates()) {
      prometheus::Gauge*& gauge = state_gauges_[each];
      if (gauge == nullptr) {
        prometheus::Labels labels = labels_;
        labels["state"] = LabelOf(each);
        gauge = &Add(families_.job_state, labels);
      }
      gauge->Set(each == state ? 1 : 0);
    }
  }

  // Whether this point was never counted: a rank may send it again.
  bool IsNew(int attempt, const v1::MetricPoint& point) {
    const std::pair<int, int64_t> place = {attempt, point.seq()};
    if (place <= newest_) return false;
    newest_ = place;
    return true;
  }

  void Set(Families::Gauges& family, double value) {
    prometheus::Gauge*& gauge = gauges_[&family];
    if (gauge == nullptr) gauge = &Add(family, labels_);
    gauge->Set(value);
  }

  // The newest value that any of the points has by this name.
  void SetNewest(Families::Gauges& family, const std::string& name,
                 const std::vector<const v1::MetricPoint*>& points) {
    for (auto point = points.rbegin(); point != points.rend(); ++point) {
      const auto value = (*point)->values().find(name);
      if (value == (*point)->values().end()) continue;
      return Set(family, value->second);
    }
  }

  void AddTokens(double tokens) {
    if (tokens_ == nullptr) tokens_ = &Add(families_.train_tokens, labels_);
    // A counter of prometheus-cpp would count NaN as well.
    if (tokens > 0) tokens_->Increment(tokens);
  }

  void ObserveStep(double seconds) {
    if (steps_ == nullptr) {
      steps_ =
          &Add(families_.train_step_duration, labels_, Families::kStepSeconds);
    }
    steps_->Observe(seconds);
  }

 private:
  template <typename Metric, typename... Args>
  Metric& Add(prometheus::Family<Metric>& family,
              const prometheus::Labels& labels, const Args&... args) {
    Metric& metric = family.Add(labels, args...);
    removals_.push_back([&family, &metric] { family.Remove(&metric); });
    return metric;
  }

  Families& families_;
  const prometheus::Labels labels_;
  std::map<v1::Job::State, prometheus::Gauge*> state_gauges_;
  std::map<Families::Gauges*, prometheus::Gauge*> gauges_;
  std::pair<int, int64_t> newest_ = {0, 0};  // (attempt, seq)
  prometheus::Counter* tokens_ = nullptr;
  prometheus::Histogram* steps_ = nullptr;
  std::vector<std::function<void()>> removals_;
};

ServerMetrics::ServerMetrics(const Clock& clock, ServerMetricsOptions options)
    : clock_(clock),
      options_(options),
      families_(std::make_unique<Families>()) {
  families_->build_info
      .Add({{"version", kVersion}, {"revision", std::string(BuildRevision())}})
      .Set(1);
  for (const v1::Job::State state : AllStates()) {
    state_gauges_[state] = &families_->jobs.Add({{"state", LabelOf(state)}});
  }
}

ServerMetrics::~ServerMetrics() = default;

void ServerMetrics::Count(v1::Job::State state, int by) {
  if (state == v1::Job::STATE_UNSPECIFIED) return;
  state_gauges_.at(state)->Set(jobs_by_state_[state] += by);
}

void ServerMetrics::JobSeen(const v1::Job& job) {
  absl::MutexLock lock(&mu_);
  SeenJob& seen = jobs_[job.name()];
  if (seen.state == job.state()) return;
  Count(seen.state, -1);
  Count(job.state(), 1);
  seen.state = job.state();
  if (IsTerminal(job.state())) seen.ended_at = clock_.Now();
  // A job that had ended before it was ever seen is only counted.
  if (seen.series == nullptr && HasBegun(job) && !IsTerminal(job.state())) {
    seen.series = std::make_unique<JobSeries>(*families_, job.name());
  }
  if (seen.series != nullptr) seen.series->SetState(job.state());
}

void ServerMetrics::JobDeleted(absl::string_view job_name) {
  absl::MutexLock lock(&mu_);
  const auto found = jobs_.find(job_name);
  if (found == jobs_.end()) return;
  Count(found->second.state, -1);
  jobs_.erase(found);
}

std::map<v1::Job::State, int> ServerMetrics::JobsByState() const {
  absl::MutexLock lock(&mu_);
  return jobs_by_state_;
}

std::vector<std::string> ServerMetrics::JobsShown() const {
  std::vector<std::string> shown;
  absl::MutexLock lock(&mu_);
  for (const auto& [name, job] : jobs_) {
    if (job.series != nullptr) shown.push_back(name);
  }
  return shown;
}

void ServerMetrics::PointsStored(
    absl::string_view job_name, int attempt,
    const std::vector<const v1::MetricPoint*>& points) {
  const std::pair<const char*, Families::Gauges*> gauges[] = {
      {"loss", &families_->train_loss},
      {"grad_norm", &families_->train_grad_norm},
      {"learning_rate", &families_->train_learning_rate},
      {"epoch", &families_->train_epochs},
      {"token_accuracy", &families_->train_token_accuracy},
      {"tokens_per_second", &families_->train_tokens_per_second},
      {"eval_loss", &families_->eval_loss},
  };
  absl::MutexLock lock(&mu_);
  const auto found = jobs_.find(job_name);
  if (found == jobs_.end() || found->second.series == nullptr) return;
  JobSeries& series = *found->second.series;
  std::vector<const v1::MetricPoint*> news;
  for (const v1::MetricPoint* point : points) {
    if (series.IsNew(attempt, *point)) news.push_back(point);
  }
  for (const auto& [name, family] : gauges) {
    series.SetNewest(*family, name, news);
  }
  for (const v1::MetricPoint* point : news) CountStep(series, *point);
}

void ServerMetrics::CountStep(JobSeries& series, const v1::MetricPoint& point) {
  if (!point.values().contains("loss")) return;
  series.Set(families_->train_step, static_cast<double>(point.step()));
  series.Set(families_->train_last_step_time,
             absl::ToDoubleSeconds(clock_.WallTime() - absl::UnixEpoch()));
  const auto tokens = point.values().find("tokens");
  if (tokens != point.values().end()) series.AddTokens(tokens->second);
  const auto seconds = point.values().find("step_seconds");
  if (seconds != point.values().end()) series.ObserveStep(seconds->second);
}

void ServerMetrics::RpcHandled(absl::string_view method, absl::string_view code,
                               absl::Duration duration) {
  absl::MutexLock lock(&calls_mu_);
  auto series = calls_.find(method);
  if (series == calls_.end()) {
    const std::string name(method);
    series = calls_.try_emplace(name).first;
    series->second.duration =
        &families_->rpc_duration.Add({{"method", name}}, Families::kRpcSeconds);
  }
  auto handled = series->second.handled.find(code);
  if (handled == series->second.handled.end()) {
    const std::string word(code);
    prometheus::Counter& counter =
        families_->rpc_handled.Add({{"method", series->first}, {"code", word}});
    handled = series->second.handled.emplace(word, &counter).first;
  }
  handled->second->Increment();
  series->second.duration->Observe(absl::ToDoubleSeconds(duration));
}

void ServerMetrics::RemoveEnded() {
  const absl::Duration now = clock_.Now();
  absl::MutexLock lock(&mu_);
  for (auto& [name, job] : jobs_) {
    if (now - job.ended_at >= options_.keep_ended_jobs) job.series = nullptr;
  }
}

std::shared_ptr<prometheus::Registry> ServerMetrics::registry() const {
  return families_->registry;
}

}  // namespace lockstep
