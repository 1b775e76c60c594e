#include "server/scheduler/scheduler.h"

#include <optional>
#include <utility>

#include "server/scheduler/scheduler_thread.h"
#include "server/scheduler/step.h"
#include "server/store/job_store.h"

namespace lockstep {
namespace {

constexpr auto kChange = JobStore::Demand::kChange;

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options, Parts parts)
    : thread_(std::make_unique<SchedulerThread>(options, parts)) {}

Scheduler::~Scheduler() = default;

absl::Status Scheduler::Start() { return thread_->Start(); }

void Scheduler::Create(CreateJob request, Reply<SharedJob> reply) {
  Actor actor{request.owner};
  thread_->PostWish(JobStore::Demand::kNewJob,
                    CreateEvent{0, std::move(request)}, std::move(reply),
                    std::move(actor));
}

void Scheduler::Cancel(Actor actor, std::string name, std::string etag,
                       Reply<SharedJob> reply) {
  thread_->PostWish(kChange, CancelEvent{0, std::move(name), std::move(etag)},
                    std::move(reply), std::move(actor));
}

void Scheduler::Pause(Actor actor, std::string name, std::string etag,
                      Reply<SharedJob> reply) {
  thread_->PostWish(kChange, PauseEvent{0, std::move(name), std::move(etag)},
                    std::move(reply), std::move(actor));
}

void Scheduler::Resume(Actor actor, std::string name, std::string etag,
                       Reply<SharedJob> reply) {
  thread_->PostWish(kChange, ResumeEvent{0, std::move(name), std::move(etag)},
                    std::move(reply), std::move(actor));
}

void Scheduler::Explain(std::string name, Reply<v1::JobExplanation> reply) {
  thread_->PostCall(ExplainEvent{0, std::move(name)}, std::move(reply));
}

void Scheduler::Update(Actor actor, UpdateJob request, Reply<SharedJob> reply) {
  thread_->PostWish(kChange, UpdateEvent{0, std::move(request)},
                    std::move(reply), std::move(actor));
}

void Scheduler::Delete(Actor actor, std::string name, std::string etag,
                       Reply<SharedJob> reply) {
  thread_->PostWish(kChange, DeleteEvent{0, std::move(name), std::move(etag)},
                    std::move(reply), std::move(actor));
}

void Scheduler::Pin(Actor actor, std::string job, int64_t step, bool pinned,
                    Ack ack) {
  thread_->PostWish(kChange, PinEvent{0, std::move(job), step, pinned},
                    std::move(ack), std::move(actor));
}

void Scheduler::Drain(Actor actor, bool let_run, Ack ack) {
  thread_->PostWish(kChange, DrainEvent{.drain = true, .let_run = let_run},
                    std::move(ack), std::move(actor));
}

void Scheduler::Undrain(Actor actor, Ack ack) {
  thread_->PostWish(kChange, DrainEvent{.drain = false}, std::move(ack),
                    std::move(actor));
}

void Scheduler::DrainDevice(Actor actor, std::string device, std::string reason,
                            Ack ack) {
  thread_->PostWish(
      kChange,
      DrainDeviceEvent{0, std::move(device), /*drain=*/true, std::move(reason)},
      std::move(ack), std::move(actor));
}

void Scheduler::UndrainDevice(Actor actor, std::string device, Ack ack) {
  thread_->PostWish(
      kChange, DrainDeviceEvent{.device = std::move(device), .drain = false},
      std::move(ack), std::move(actor));
}

void Scheduler::CreateQueue(v1::Queue queue, Reply<v1::Queue> reply) {
  thread_->PostWish(kChange, CreateQueueEvent{0, std::move(queue)},
                    std::move(reply));
}

void Scheduler::UpdateQueue(QueueUpdate request, Reply<v1::Queue> reply) {
  thread_->PostWish(kChange, UpdateQueueEvent{0, std::move(request)},
                    std::move(reply));
}

void Scheduler::DeleteQueue(std::string name, Ack ack) {
  thread_->PostWish(kChange, DeleteQueueEvent{0, std::move(name)},
                    std::move(ack));
}

void Scheduler::ListQueues(Reply<v1::ListQueuesResponse> reply) {
  thread_->PostCall(ListQueuesEvent{0}, std::move(reply));
}

void Scheduler::Prepared(worker::v1::ReportPreparedRequest report, Ack ack) {
  thread_->PostCall(PreparedEvent{0, std::move(report)}, std::move(ack));
}

void Scheduler::SupervisorAttached(worker::v1::AttachRequest report, Ack ack) {
  // Whoever is known to have ended is not silent.
  for (const worker::v1::RankProcess& rank : report.ranks()) {
    if (!rank.exited()) continue;
    worker::v1::Caller caller = report.caller();
    caller.set_rank(rank.rank());
    thread_->watch().Leave(caller);
  }
  thread_->PostCall(AttachedEvent{0, std::move(report)}, std::move(ack));
}

void Scheduler::Reported(worker::v1::Caller caller, v1::Progress progress,
                         bool has_progress, worker::v1::RankFailure failure,
                         bool has_failure, std::vector<v1::Event> events) {
  ReportedEvent report{.caller = std::move(caller),
                       .progress = std::nullopt,
                       .failure = std::nullopt,
                       .events = std::move(events)};
  if (has_progress) report.progress = std::move(progress);
  if (has_failure) report.failure = std::move(failure);
  thread_->Post(std::move(report));
}

void Scheduler::Heard(const worker::v1::HeartbeatRequest& heartbeat) {
  const bool news = thread_->watch().Hear(heartbeat, thread_->Now());
  // All ranks do the same; one of them says what.
  if (!news || heartbeat.caller().rank() != 0) return;
  HeardEvent heard{heartbeat.caller(), heartbeat.step(), heartbeat.phase()};
  for (const worker::v1::PhaseTime& other : heartbeat.other_phases()) {
    // There are no more, whatever it says.
    if (heard.other_phases.size() == worker::v1::Phase_ARRAYSIZE) break;
    heard.other_phases.push_back(other);
  }
  thread_->Post(std::move(heard));
}

void Scheduler::Left(const worker::v1::Caller& caller) {
  thread_->watch().Leave(caller);
}

void Scheduler::HeardReport(const worker::v1::Caller& caller,
                            std::optional<int64_t> step) {
  thread_->watch().HearReport(caller, step, thread_->Now());
}

void Scheduler::Measured(
    const worker::v1::Caller& caller,
    const google::protobuf::RepeatedPtrField<v1::MetricPoint>& points) {
  thread_->watch().HearPoints(caller, points);
}

std::vector<double> Scheduler::Slowdowns(const std::string& job,
                                         int attempt) const {
  return thread_->watch().Slowdowns({job, attempt});
}

void Scheduler::Checkpoint(worker::v1::CommitCheckpointRequest request,
                           Ack ack) {
  thread_->PostCall(CheckpointEvent{0, std::move(*request.mutable_caller()),
                                    std::move(*request.mutable_checkpoint()),
                                    request.phase()},
                    std::move(ack));
}

worker::v1::HeartbeatResponse::Command Scheduler::CommandFor(
    const worker::v1::Caller& caller) const {
  return thread_->board().ForRank({caller.job(), caller.attempt()});
}

worker::v1::AttachResponse Scheduler::SupervisorCommand(
    const worker::v1::Caller& caller) const {
  return thread_->board().ForSupervisor({caller.job(), caller.attempt()});
}

std::unique_ptr<Scheduler::CommandSubscription> Scheduler::SubscribeCommands(
    const worker::v1::Caller& caller, std::function<void()> wake) {
  return thread_->board().Subscribe({caller.job(), caller.attempt()},
                                    std::move(wake));
}

std::vector<RankHeard> Scheduler::Ranks() const {
  return thread_->watch().Ranks();
}

std::vector<RankGpu> Scheduler::Gpus() const {
  return thread_->watch().Gpus(thread_->Now());
}

std::vector<v1::Node> Scheduler::Nodes() const { return thread_->Nodes(); }

}  // namespace lockstep
