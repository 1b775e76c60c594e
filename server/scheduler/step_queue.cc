// Queues as users make, change and remove them.

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "proto/contract/queue.h"
#include "proto/contract/resource_name.h"
#include "server/scheduler/queue_uses.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

absl::StatusOr<server::QueueRecord*> FindQueue(SchedulerState& state,
                                               const std::string& name) {
  const auto found = state.queues.find(QueueIdFromName(name));
  if (found == state.queues.end()) return errors::QueueNotFound(name);
  return &found->second;
}

// Nobody could ever use the rest: it is a mistake.
absl::Status CheckQuotas(const v1::Queue& queue, const DevicePool& pool) {
  for (const v1::Device::Kind kind : {v1::Device::CPU, v1::Device::CUDA}) {
    const int quota = QuotaOf(queue, kind).value_or(0);
    const int total = pool.Total(kind);
    if (quota <= total) continue;
    return errors::Error(absl::StatusCode::kFailedPrecondition,
                         "QUOTA_ABOVE_CLUSTER",
                         absl::StrCat(queue.name(), ": a quota of ", quota, " ",
                                      DeviceKindName(kind),
                                      " devices; this cluster has ", total),
                         {{"quota", absl::StrCat(quota)},
                          {"available", absl::StrCat(total)},
                          {"device", std::string(DeviceKindName(kind))}});
  }
  return absl::OkStatus();
}

v1::Queue Shown(const SchedulerState& state, const std::string& id,
                const QueueUses& uses) {
  v1::Queue queue = state.queues.at(id).queue();
  queue.set_weight(WeightOf(queue));
  queue.set_gpus_used(uses.at({id, v1::Device::CUDA}).used);
  queue.set_cpu_slots_used(uses.at({id, v1::Device::CPU}).used);
  const auto waiting = state.waiting.find(id);
  queue.set_jobs_waiting(waiting == state.waiting.end() ? 0 : waiting->second);
  return queue;
}

// Changed queues are what the next order and the next decisions rest on.
v1::Queue Take(Decision& decision, const std::string& id) {
  SchedulerState& state = decision.state();
  decision.TouchQueue(id);
  state.shares = SharesAt(state.queues, decision.wall());
  state.schedule = true;
  return Shown(state, id, UsesOf(state));
}

absl::StatusOr<v1::Queue> Create(Decision& decision, const v1::Queue& queue) {
  SchedulerState& state = decision.state();
  const std::string id = QueueIdFromName(queue.name());
  if (state.queues.contains(id)) {
    return errors::Error(
        absl::StatusCode::kAlreadyExists, "QUEUE_EXISTS",
        absl::StrCat(queue.name(), " exists already; choose another name"),
        {{"name", queue.name()}});
  }
  if (absl::Status bad = CheckQuotas(queue, state.pool); !bad.ok()) return bad;
  v1::Queue& stored = *state.queues[id].mutable_queue();
  stored = queue;
  stored.clear_gpus_used();
  stored.clear_cpu_slots_used();
  stored.clear_jobs_waiting();
  return Take(decision, id);
}

v1::Queue Changed(v1::Queue queue, const Scheduler::QueueUpdate& request) {
  const v1::Queue& wanted = request.queue;
  if (request.gpu_quota) {
    queue.clear_gpu_quota();
    if (wanted.has_gpu_quota()) queue.set_gpu_quota(wanted.gpu_quota());
  }
  if (request.cpu_quota) {
    queue.clear_cpu_quota();
    if (wanted.has_cpu_quota()) queue.set_cpu_quota(wanted.cpu_quota());
  }
  if (request.weight) queue.set_weight(WeightOf(wanted));
  return queue;
}

absl::StatusOr<v1::Queue> Update(Decision& decision,
                                 const Scheduler::QueueUpdate& request) {
  SchedulerState& state = decision.state();
  absl::StatusOr<server::QueueRecord*> found =
      FindQueue(state, request.queue.name());
  if (!found.ok()) return found.status();
  v1::Queue queue = Changed((*found)->queue(), request);
  if (absl::Status bad = CheckQuotas(queue, state.pool); !bad.ok()) return bad;
  *(*found)->mutable_queue() = std::move(queue);
  return Take(decision, QueueIdFromName(request.queue.name()));
}

absl::Status Delete(Decision& decision, const std::string& name) {
  SchedulerState& state = decision.state();
  absl::Status found = FindQueue(state, name).status();
  if (!found.ok()) return found;
  const std::string id = QueueIdFromName(name);
  if (id == kDefaultQueue) {
    return errors::Error(
        absl::StatusCode::kFailedPrecondition, "QUEUE_IS_DEFAULT",
        absl::StrCat(name, " is where jobs are that name no queue; it stays"));
  }
  const auto left = std::count_if(
      state.jobs.begin(), state.jobs.end(), [&](const auto& entry) {
        const v1::Job& job = entry.second.job();
        return QueueOf(job) == id && !IsTerminal(job.state());
      });
  if (left > 0) {
    return errors::Error(
        absl::StatusCode::kFailedPrecondition, "QUEUE_NOT_EMPTY",
        absl::StrCat(name, ": ", left,
                     left == 1 ? " job of it has not ended; cancel it, or give "
                                 "it another queue"
                               : " jobs of it have not ended; cancel them, or "
                                 "give them another queue"),
        {{"name", name}, {"jobs", absl::StrCat(left)}});
  }
  decision.DeleteQueue(id);
  state.shares = SharesAt(state.queues, decision.wall());
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckQueueFor(const SchedulerState& state, const std::string& id,
                           const v1::JobSpec& spec) {
  const auto found = state.queues.find(id);
  if (found == state.queues.end()) {
    return errors::QueueNotFound(QueueName(id));
  }
  return CheckQuota(found->second.queue(), state.pool, spec);
}

void OnCreateQueue(Decision& decision, const CreateQueueEvent& event) {
  decision.Do(QueueEffect{event.ticket, Create(decision, event.queue)});
}

void OnUpdateQueue(Decision& decision, const UpdateQueueEvent& event) {
  decision.Do(QueueEffect{event.ticket, Update(decision, event.request)});
}

void OnDeleteQueue(Decision& decision, const DeleteQueueEvent& event) {
  decision.Ack(event.ticket, Delete(decision, event.name));
}

void OnListQueues(Decision& decision, const ListQueuesEvent& event) {
  const SchedulerState& state = decision.state();
  const QueueUses uses = UsesOf(state);
  QueuesEffect listed{.ticket = event.ticket, .queues = {}};
  for (const auto& [id, record] : state.queues) {
    *listed.queues.add_queues() = Shown(state, id, uses);
  }
  decision.Do(std::move(listed));
}

}  // namespace lockstep
