#include "server/rank_gpus.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace lockstep {
namespace {

// Empty for one that is gone by now, and before its supervisor has said it.
std::string NodeOf(const RankGpu& gpu, const JobStore& store) {
  const absl::StatusOr<JobRow> row = store.FindRow(gpu.attempt.job);
  const int index = gpu.attempt.attempt - 1;
  if (!row.ok() || index >= (*row)->job().attempts_size()) return "";
  const v1::Attempt& attempt = (*row)->job().attempts(index);
  return gpu.rank < attempt.ranks_size() ? attempt.ranks(gpu.rank).node() : "";
}

GpuReading ReadingOf(const worker::v1::GpuReading& told) {
  const auto if_told = [](bool has, double value) {
    return has ? std::optional<double>(value) : std::nullopt;
  };
  return {
      .uuid = told.uuid(),
      .memory_used_bytes = told.memory_used_bytes(),
      .memory_total_bytes = told.memory_total_bytes(),
      .utilization =
          if_told(told.has_utilization_ratio(), told.utilization_ratio()),
      .power_watts = if_told(told.has_power_watts(), told.power_watts()),
      .energy_joules = if_told(told.has_energy_joules(), told.energy_joules()),
      .temperature_celsius =
          if_told(told.has_temperature_celsius(), told.temperature_celsius()),
      .sm_clock_hertz =
          if_told(told.has_sm_clock_hertz(), told.sm_clock_hertz())};
}

}  // namespace

std::vector<HostGpu> GpusOfRanks(std::vector<RankGpu> told,
                                 const JobStore& store) {
  std::stable_sort(
      told.begin(), told.end(),
      [](const RankGpu& a, const RankGpu& b) { return a.at < b.at; });
  std::map<std::string, HostGpu> by_uuid;
  for (const RankGpu& gpu : told) {
    std::string host = NodeOf(gpu, store);
    if (host.empty()) continue;
    HostGpu& shown = by_uuid[gpu.reading.uuid()];
    shown.host = std::move(host);
    shown.reading = ReadingOf(gpu.reading);
    for (const auto& [xid, count] : gpu.reading.xid_errors()) {
      int64_t& most = shown.xid_errors[xid];
      most = std::max(most, count);
    }
  }
  std::vector<HostGpu> gpus;
  gpus.reserve(by_uuid.size());
  for (auto& [uuid, gpu] : by_uuid) gpus.push_back(std::move(gpu));
  return gpus;
}

}  // namespace lockstep
