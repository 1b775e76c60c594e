#include "server/scheduler/queue_uses.h"

#include "proto/contract/queue.h"

namespace lockstep {
namespace {

void AddUse(const SchedulerState& state, const std::string& name,
            QueueUses& uses) {
  const v1::Job& job = state.jobs.at(name).job();
  const DeviceDemand demand = state.pool.DemandOf(job.spec());
  uses[{QueueOf(job), demand.kind}].used += demand.count;
}

}  // namespace

QueueUses UsesOf(const SchedulerState& state) {
  QueueUses uses;
  for (const auto& [id, record] : state.queues) {
    for (const v1::Device::Kind kind : {v1::Device::CPU, v1::Device::CUDA}) {
      uses[{id, kind}].quota = QuotaOf(record.queue(), kind);
    }
  }
  for (const std::string& name : state.live) AddUse(state, name, uses);
  // Others have stopped for these already.
  for (const std::string& name : state.pool.Takers()) {
    AddUse(state, name, uses);
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

}  // namespace lockstep
