#include "server/metrics/server_metrics.h"

#include <functional>
#include <utility>
#include <vector>

#include "proto/contract/job_state.h"
#include "proto/contract/version.h"
#include "server/metrics/job_series.h"
#include "server/metrics/job_tally.h"
#include "server/metrics/metric_families.h"

namespace lockstep {
namespace {

// One that only waits is counted, and has no series yet: there may be a hundred
// thousand of them.
bool HasBegun(const v1::Job& job) {
  return job.attempt() > 0 ||
         (job.state() != v1::Job::QUEUED && job.state() != v1::Job::PREPARING);
}

}  // namespace

struct ServerMetrics::SeenJob {
  JobTally::Seen tally;
  absl::Duration ended_at = absl::InfiniteDuration();
  std::unique_ptr<JobSeries> series;
};

ServerMetrics::ServerMetrics(const Clock& clock, ServerMetricsOptions options)
    : clock_(clock),
      options_(options),
      families_(std::make_unique<Families>()),
      store_transaction_(
          families_->store_transaction.Add({}, Families::kAnswerSeconds)),
      tally_(std::make_unique<JobTally>(*families_, clock.WallTime())) {
  families_->build_info
      .Add({{"version", kVersion}, {"revision", std::string(BuildRevision())}})
      .Set(1);
}

ServerMetrics::~ServerMetrics() = default;

ServerMetrics::JobSeries* ServerMetrics::SeriesOf(absl::string_view job_name) {
  const auto found = jobs_.find(job_name);
  return found == jobs_.end() ? nullptr : found->second.series.get();
}

void ServerMetrics::JobSeen(const v1::Job& job) {
  absl::MutexLock lock(&mu_);
  SeenJob& seen = jobs_[job.name()];
  const bool has_ended = IsTerminal(job.state());
  if (has_ended && !IsTerminal(seen.tally.state)) seen.ended_at = clock_.Now();
  tally_->Take(job, seen.tally);
  // A job that had ended before it was ever seen is only counted.
  if (seen.series == nullptr && HasBegun(job) && !has_ended) {
    seen.series = std::make_unique<JobSeries>(*families_, job);
  }
  if (seen.series != nullptr) seen.series->SetJob(job);
}

void ServerMetrics::JobDeleted(absl::string_view job_name) {
  absl::MutexLock lock(&mu_);
  const auto found = jobs_.find(job_name);
  if (found == jobs_.end()) return;
  tally_->Remove(found->second.tally);
  jobs_.erase(found);
}

std::map<v1::Job::State, int> ServerMetrics::JobsByState() const {
  absl::MutexLock lock(&mu_);
  return tally_->by_state();
}

std::vector<std::string> ServerMetrics::JobsShown() const {
  std::vector<std::string> shown;
  absl::MutexLock lock(&mu_);
  for (const auto& [name, job] : jobs_) {
    if (job.series != nullptr) shown.push_back(name);
  }
  return shown;
}

void ServerMetrics::CheckpointListed(absl::string_view job_name,
                                     const v1::Checkpoint& checkpoint) {
  absl::MutexLock lock(&mu_);
  JobSeries* const series = SeriesOf(job_name);
  if (series != nullptr) series->SetCheckpoint(checkpoint);
}

void ServerMetrics::PointsStored(
    const v1::Job& job, int attempt,
    const std::vector<const v1::MetricPoint*>& points) {
  absl::MutexLock lock(&mu_);
  JobSeries* const series = SeriesOf(job.name());
  if (series == nullptr) return;
  series->TakePoints(job, attempt, points, clock_.WallTime());
}

void ServerMetrics::RpcHandled(absl::string_view method, absl::string_view code,
                               absl::Duration duration) {
  absl::MutexLock lock(&calls_mu_);
  auto series = calls_.find(method);
  if (series == calls_.end()) {
    const std::string name(method);
    series = calls_.try_emplace(name).first;
    series->second.duration = &families_->rpc_duration.Add(
        {{"method", name}}, Families::kAnswerSeconds);
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

void ServerMetrics::StoreTransaction(absl::Duration duration) {
  store_transaction_.Observe(absl::ToDoubleSeconds(duration));
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
