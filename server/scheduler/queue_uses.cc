#include "server/scheduler/queue_uses.h"

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/queue.h"

namespace lockstep {
namespace {

void AddUse(const std::string& queue, const DeviceDemand& demand,
            QueueUses& uses) {
  uses[{queue, demand.kind}].used += demand.count;
}

}  // namespace

QueueUses UsesOf(const SchedulerState& state) {
  QueueUses uses;
  for (const auto& [id, record] : state.queues) {
    for (const v1::Device::Kind kind : {v1::Device::CPU, v1::Device::CUDA}) {
      uses[{id, kind}].quota = QuotaOf(record.queue(), kind);
    }
  }
  for (const auto& [name, holding] : state.live) {
    AddUse(holding.queue, holding.demand, uses);
  }
  // Others have stopped for these already.
  for (const std::string& name : state.pool.Takers()) {
    const v1::Job& job = state.jobs.at(name).job();
    AddUse(QueueOf(job), state.pool.DemandOf(job.spec()), uses);
  }
  return uses;
}

std::optional<int> QuotaOf(const v1::Queue& queue, v1::Device::Kind kind) {
  if (kind == v1::Device::CUDA) {
    return queue.has_gpu_quota() ? std::optional(queue.gpu_quota())
                                 : std::nullopt;
  }
  return queue.has_cpu_quota() ? std::optional(queue.cpu_quota())
                               : std::nullopt;
}

absl::Status CheckQuota(const v1::Queue& queue, const DevicePool& pool,
                        const v1::JobSpec& spec) {
  const DeviceDemand demand = pool.DemandOf(spec);
  const std::optional<int> quota = QuotaOf(queue, demand.kind);
  if (!quota.has_value() || demand.count <= *quota) return absl::OkStatus();
  return errors::Error(
      absl::StatusCode::kFailedPrecondition, "NOT_ENOUGH_QUOTA",
      absl::StrCat("resources.ranks: ", demand.count, " ",
                   DeviceKindName(demand.kind),
                   " devices are wanted, the jobs of ", queue.name(),
                   " may have ", *quota, " together"),
      {{"wanted", absl::StrCat(demand.count)},
       {"quota", absl::StrCat(*quota)},
       {"queue", queue.name()}});
}

}  // namespace lockstep
