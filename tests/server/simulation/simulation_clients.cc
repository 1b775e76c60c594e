// What clients of the simulated cluster ask for.

#include <array>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/resource_name.h"
#include "tests/server/simulation/simulation.h"

namespace lockstep::testing {
namespace {

constexpr int kRequests = 16;

// Some say none.
constexpr std::array<v1::ResourceSpec::Priority, 4> kPriorities = {
    v1::ResourceSpec::PRIORITY_UNSPECIFIED, v1::ResourceSpec::PRIORITY_LOW,
    v1::ResourceSpec::PRIORITY_NORMAL, v1::ResourceSpec::PRIORITY_HIGH};

// Beside the default one.
constexpr std::array<const char*, 2> kQueues = {"queues/q0", "queues/q1"};

using JobReply = Scheduler::Reply<SharedJob>;
using QueueReply = Scheduler::Reply<v1::Queue>;

}  // namespace

void Simulation::Client() {
  if (coordinator_ == nullptr) return;
  const int what = chance_.Below(22);
  const std::string name = AnyJob();
  if (what < 5 || name.empty()) return Create();
  if (what < 6) return Cancel(name);
  if (what < 8) return Label(name);
  if (what < 10) return Prioritize(name);
  if (what >= 21) {
    return chance_.OneIn(3) ? DrainDevice() : UndrainDevice();
  }
  if (what >= 20) return MoveToQueue(name);
  if (what >= 18) return ChangeQueues();
  if (what >= 17) return Resume(name);
  if (what >= 15) return Pause(name);
  if (what >= 13) return Pin(name);
  // Mostly it is not.
  if (what < 11) {
    return chance_.OneIn(3) ? Drain(/*let_run=*/chance_.OneIn(3)) : Undrain();
  }
  Delete(name);
}

std::string Simulation::AnyJob() {
  const Promises::Disk& disk = promises_.disk();
  if (disk.empty()) return "";
  const int index = chance_.Below(static_cast<int>(disk.size()));
  return std::next(disk.begin(), index)->first;
}

// None, the newest on disk, or an older one.
std::string Simulation::AnyEtag(const std::string& name) {
  if (!chance_.OneIn(4)) return "";
  if (chance_.OneIn(4)) return "1-00000000";
  return promises_.disk().at(name).job().etag();
}

// A few requests, made again and again, some with a job id of their own and
// some with one that another request wants too.
void Simulation::Create() {
  const int number = chance_.Below(kRequests);
  CreateEvent event;
  event.request.request_id = absl::StrCat("request-", number);
  event.request.request_digest =
      absl::StrCat("digest of ", chance_.OneIn(10) ? -1 : number);
  event.request.owner = number % 9 == 4 ? "ann" : "local";
  if (number % 4 == 3) {
    event.request.spec.mutable_resources()->set_queue(
        QueueIdFromName(kQueues[number % 8 == 3 ? 0 : 1]));
  }
  if (number % 2 == 0) event.request.job_id = absl::StrCat("j", number % 12);
  event.request.spec.mutable_resources()->set_ranks(1 + number % 3);
  event.request.spec.mutable_resources()->set_priority(
      kPriorities[number % kPriorities.size()]);
  event.request.spec.mutable_resources()->set_preemptible(number % 8 < 6);
  event.request.spec.set_max_restarts(number % 4);
  if (number % 6 == 2) {
    event.request.spec.mutable_resources()->mutable_timeout()->set_seconds(20);
  }
  if (number % 7 == 0) {
    event.request.spec.mutable_checkpoint()->set_resume(
        v1::CheckpointSpec::RESUME_NEVER);
  }
  if (const std::string other = AnyJob(); number % 5 == 1 && !other.empty()) {
    event.request.spec.add_after(other.substr(5));
  }
  coordinator_->PostCall(std::move(event),
                         JobReply([this, id = absl::StrCat("request-", number)](
                                      const absl::StatusOr<SharedJob>& job) {
                           if (job.ok()) promises_.Created(id, **job);
                         }));
}

void Simulation::Cancel(const std::string& name) {
  promises_.AskedToCancel(name);
  coordinator_->PostCall(CancelEvent{.name = name, .etag = AnyEtag(name)},
                         JobReply([this](const absl::StatusOr<SharedJob>& job) {
                           if (job.ok()) promises_.Cancelled(**job);
                         }));
}

void Simulation::Pause(const std::string& name) {
  promises_.AskedToPause(name);
  coordinator_->PostCall(PauseEvent{.name = name, .etag = AnyEtag(name)},
                         JobReply([this](const absl::StatusOr<SharedJob>& job) {
                           if (job.ok()) promises_.Updated(**job);
                         }));
}

void Simulation::Resume(const std::string& name) {
  coordinator_->PostCall(ResumeEvent{.name = name},
                         JobReply([this](const absl::StatusOr<SharedJob>& job) {
                           if (job.ok()) promises_.Updated(**job);
                         }));
}

void Simulation::ResumeAll() {
  for (const auto& [name, row] : promises_.disk()) {
    if (row.job().desired() == v1::Job::PAUSE) Resume(name);
  }
}

void Simulation::Label(const std::string& name) {
  const int64_t label = ++last_label_;
  UpdateEvent event;
  event.request.name = name;
  event.request.etag = AnyEtag(name);
  event.request.keys = {kCountLabel};
  event.request.labels[kCountLabel] = absl::StrCat(label);
  coordinator_->PostCall(
      std::move(event),
      JobReply([this, label](const absl::StatusOr<SharedJob>& job) {
        if (!job.ok()) return;
        promises_.Updated(**job);
        promises_.Labelled(**job, label);
      }));
}

void Simulation::Prioritize(const std::string& name) {
  UpdateEvent event;
  event.request.name = name;
  event.request.etag = AnyEtag(name);
  event.request.priority = kPriorities[1 + chance_.Below(3)];
  coordinator_->PostCall(std::move(event),
                         JobReply([this](const absl::StatusOr<SharedJob>& job) {
                           if (job.ok()) promises_.Updated(**job);
                         }));
}

void Simulation::MoveToQueue(const std::string& name) {
  UpdateEvent event;
  event.request.name = name;
  event.request.etag = AnyEtag(name);
  event.request.queue =
      chance_.OneIn(3) ? "default" : QueueIdFromName(kQueues[chance_.Below(2)]);
  coordinator_->PostCall(std::move(event),
                         JobReply([this](const absl::StatusOr<SharedJob>& job) {
                           if (!job.ok()) return;
                           ++counts_.moved;
                           promises_.Updated(**job);
                         }));
}

void Simulation::ChangeQueues() {
  const std::string name = kQueues[chance_.Below(2)];
  if (chance_.OneIn(6)) {
    coordinator_->PostCall(DeleteQueueEvent{.name = name},
                           Scheduler::Ack([](const absl::Status&) {}));
    return;
  }
  v1::Queue queue;
  queue.set_name(name);
  // Small jobs only, most, or all.
  if (!chance_.OneIn(3)) queue.set_cpu_quota(1 + chance_.Below(3));
  queue.set_weight(1 + chance_.Below(3));
  QueueReply reply([this, before = promises_.queue_writes()](
                       const absl::StatusOr<v1::Queue>& changed) {
    if (changed.ok()) promises_.QueueChanged(*changed, before);
  });
  if (chance_.OneIn(2)) {
    coordinator_->PostCall(CreateQueueEvent{.queue = queue}, std::move(reply));
  } else {
    coordinator_->PostCall(
        UpdateQueueEvent{.request = {.queue = queue, .cpu_quota = true}},
        std::move(reply));
  }
}

// Else what wants more than its queue may ever have waits for ever.
void Simulation::LiftQuotas() {
  for (const char* name : kQueues) {
    v1::Queue queue;
    queue.set_name(name);
    coordinator_->PostCall(
        UpdateQueueEvent{.request = {.queue = queue, .cpu_quota = true}},
        QueueReply([](const absl::StatusOr<v1::Queue>&) {}));
  }
}

void Simulation::Pin(const std::string& name) {
  const std::set<int64_t>& steps =
      promises_.Steps(promises_.disk().at(name).job().uid());
  PinEvent event{.job = name, .step = 1, .pinned = !chance_.OneIn(3)};
  if (!steps.empty()) {
    const int index = chance_.Below(static_cast<int>(steps.size()));
    event.step = *std::next(steps.begin(), index);
  }
  coordinator_->PostCall(std::move(event),
                         Scheduler::Ack([](const absl::Status&) {}));
}

void Simulation::Delete(const std::string& name) {
  promises_.AskedToDelete(name);
  coordinator_->PostCall(DeleteEvent{.name = name, .etag = AnyEtag(name)},
                         JobReply([this](const absl::StatusOr<SharedJob>& job) {
                           if (job.ok()) promises_.Deleted(**job);
                         }));
}

void Simulation::Drain(bool let_run) {
  if (!let_run) promises_.AskedToStopAll();
  coordinator_->PostCall(
      DrainEvent{.let_run = let_run || fault_ == Fault::kDrainsNothing},
      Scheduler::Ack([this, let_run,
                      before = promises_.drains()](const absl::Status& status) {
        if (!status.ok()) return;
        promises_.Drained(/*drain=*/true, before);
        if (!let_run) promises_.StoppedAll(before);
      }));
}

void Simulation::Undrain() {
  coordinator_->PostCall(DrainEvent{.drain = false},
                         Scheduler::Ack([this, before = promises_.drains()](
                                            const absl::Status& status) {
                           if (status.ok())
                             promises_.Drained(/*drain=*/false, before);
                         }));
}

void Simulation::DrainDevice() {
  const v1::Node node = host_.Nodes()[0];
  const std::string device = node.devices(chance_.Below(kCpuSlots)).id();
  promises_.AskedToDrain(device);
  coordinator_->PostCall(
      DrainDeviceEvent{.device = device, .drain = true, .reason = "its fan"},
      Scheduler::Ack([](const absl::Status&) {}));
}

// One of those that are drained, if any is.
void Simulation::UndrainDevice() {
  const std::set<std::string>& drained = promises_.drained_devices();
  if (drained.empty()) return;
  const int index = chance_.Below(static_cast<int>(drained.size()));
  const std::string device = *std::next(drained.begin(), index);
  promises_.AskedToUndrain(device);
  coordinator_->PostCall(DrainDeviceEvent{.device = device, .drain = false},
                         Scheduler::Ack([](const absl::Status&) {}));
}

// A coordinator that forgot of one takes it off no list.
void Simulation::UndrainDevices() {
  for (int i = 0; i < kCpuSlots; ++i) {
    UndrainDevice();
    Settle();
  }
}

}  // namespace lockstep::testing
