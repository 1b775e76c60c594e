#include "server/worker_metrics.h"

#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "server/metric_family.h"

namespace lockstep {
namespace {

constexpr char kJoined[] = "joined";
constexpr char kSilent[] = "silent";
constexpr char kLeft[] = "left";

std::string StateOf(worker::v1::Phase phase) {
  if (phase == worker::v1::PHASE_UNSPECIFIED) return kJoined;
  return absl::AsciiStrToLower(
      absl::StripPrefix(worker::v1::Phase_Name(phase), "PHASE_"));
}

std::string StateOf(const RankHeard& rank) {
  if (rank.silent) return kSilent;
  return rank.left ? kLeft : StateOf(rank.phase);
}

// None, in each state that there is: a rate or a sum needs the zeros.
std::map<std::string, int> NoWorkers() {
  std::map<std::string, int> workers = {{kSilent, 0}, {kLeft, 0}};
  const auto* type = worker::v1::Phase_descriptor();
  for (int i = 0; i < type->value_count(); ++i) {
    workers[StateOf(static_cast<worker::v1::Phase>(type->value(i)->number()))] =
        0;
  }
  return workers;
}

}  // namespace

std::vector<prometheus::MetricFamily> WorkerMetrics::Collect() const {
  prometheus::MetricFamily workers{"lockstep_workers",
                                   "Ranks that have joined, by what they do.",
                                   prometheus::MetricType::Gauge,
                                   {}};
  prometheus::MetricFamily heard{"lockstep_worker_heartbeat_timestamp_seconds",
                                 "When the rank was heard last.",
                                 prometheus::MetricType::Gauge,
                                 {}};
  prometheus::MetricFamily slowdown{
      "lockstep_rank_slowdown_ratio",
      "How long the rank computes a step over the median of all ranks.",
      prometheus::MetricType::Gauge,
      {}};
  const absl::Duration now = clock_.Now();
  const absl::Time wall = clock_.WallTime();
  std::map<std::string, int> by_state = NoWorkers();
  for (const RankHeard& rank : ranks_()) {
    ++by_state[StateOf(rank)];
    const std::vector<prometheus::ClientMetric::Label> labels = {
        {"job_id", std::string(absl::StripPrefix(rank.attempt.job, "jobs/"))},
        {"rank", absl::StrCat(rank.rank)}};
    AddGauge(heard, labels,
             absl::ToDoubleSeconds(wall - (now - rank.at) - absl::UnixEpoch()));
    if (rank.slowdown > 0) AddGauge(slowdown, labels, rank.slowdown);
  }
  for (const auto& [state, count] : by_state) {
    AddGauge(workers, {{"state", state}}, count);
  }
  std::vector<prometheus::MetricFamily> families;
  families.push_back(std::move(workers));
  for (prometheus::MetricFamily* family : {&heard, &slowdown}) {
    if (!family->metric.empty()) families.push_back(std::move(*family));
  }
  return families;
}

}  // namespace lockstep
