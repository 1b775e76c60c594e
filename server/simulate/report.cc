#include "server/simulate/report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lockstep {
namespace {

int SizeOf(int devices) {
  int size = 1;
  while (size < devices) size *= 2;
  return size;
}

double FairnessOf(const std::vector<TraceJob>& trace, const Replay& replay) {
  std::map<std::string, std::pair<absl::Duration, absl::Duration>> owners;
  for (size_t i = 0; i < trace.size(); ++i) {
    auto& [ran, all] = owners[trace[i].owner];
    ran += replay.jobs[i].ran;
    all += replay.jobs[i].ran + replay.jobs[i].waited;
  }
  double sum = 0;
  double squares = 0;
  for (const auto& [owner, times] : owners) {
    const double served = absl::FDivDuration(times.first, times.second);
    sum += served;
    squares += served * served;
  }
  return sum * sum / (static_cast<double>(owners.size()) * squares);
}

std::string Line(absl::string_view what, absl::string_view policy,
                 absl::string_view fifo) {
  return absl::StrFormat("%-22s%14s%14s\n", what, policy, fifo);
}

std::string Wait(absl::Duration wait) {
  return absl::StrFormat("%.1f min", absl::ToDoubleMinutes(wait));
}

std::string Ratio(double ratio) { return absl::StrFormat("%.3f", ratio); }

}  // namespace

ReplayFacts FactsOf(const std::vector<TraceJob>& trace, const Replay& replay,
                    const SimulatedCluster& cluster) {
  ReplayFacts facts;
  absl::Duration used;
  std::map<int, int> counts;
  for (size_t i = 0; i < trace.size(); ++i) {
    const int size = SizeOf(trace[i].devices);
    used += trace[i].devices * replay.jobs[i].ran;
    facts.mean_wait[size] += replay.jobs[i].waited;
    facts.mean_wait_of_all += replay.jobs[i].waited;
    ++counts[size];
  }
  for (auto& [size, wait] : facts.mean_wait) wait /= counts[size];
  facts.mean_wait_of_all /= static_cast<double>(trace.size());
  facts.utilization =
      absl::FDivDuration(used, cluster.devices() * replay.makespan);
  facts.fairness = FairnessOf(trace, replay);
  return facts;
}

std::string ReportOf(const std::vector<TraceJob>& trace,
                     const ReplayFacts& policy, const ReplayFacts& fifo) {
  std::string text = absl::StrCat(
      trace.size(), trace.size() == 1 ? " job\n" : " jobs\n",
      Line("", "policy", "fifo"),
      Line("utilization", Ratio(policy.utilization), Ratio(fifo.utilization)),
      Line("fairness of owners", Ratio(policy.fairness), Ratio(fifo.fairness)),
      Line("mean wait", Wait(policy.mean_wait_of_all),
           Wait(fifo.mean_wait_of_all)));
  for (const auto& [size, wait] : policy.mean_wait) {
    const std::string what =
        size == 1   ? "  1 GPU"
        : size == 2 ? "  2 GPUs"
                    : absl::StrCat("  ", size / 2 + 1, " to ", size, " GPUs");
    absl::StrAppend(&text,
                    Line(what, Wait(wait), Wait(fifo.mean_wait.at(size))));
  }
  return text;
}

}  // namespace lockstep
