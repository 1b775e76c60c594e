// StepWorld: what clients, processes and the launcher tell.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep::testing {
namespace {

worker::v1::Caller CallerOf(const std::string& id, int attempt, int rank) {
  worker::v1::Caller caller;
  caller.set_job("jobs/" + id);
  caller.set_attempt(attempt);
  caller.set_rank(rank);
  return caller;
}

}  // namespace

Ticket StepWorld::Create(const std::string& id, int ranks, int max_restarts) {
  v1::JobSpec spec;
  spec.mutable_resources()->set_ranks(ranks);
  spec.set_max_restarts(max_restarts);
  return Create(id, std::move(spec));
}

Ticket StepWorld::Create(const std::string& id, v1::JobSpec spec) {
  CreateEvent event{.ticket = next_ticket_++};
  event.request.job_id = id;
  event.request.owner = "local";
  event.request.spec = std::move(spec);
  const Ticket ticket = event.ticket;
  Do(std::move(event));
  return ticket;
}

Ticket StepWorld::CreateAs(const std::string& owner, const std::string& id) {
  CreateEvent event;
  event.request.job_id = id;
  event.request.owner = owner;
  event.request.spec.mutable_resources()->set_ranks(1);
  return DoAs({owner, /*owns_all=*/false}, std::move(event));
}

Ticket StepWorld::Cancel(const std::string& id, const std::string& etag) {
  const Ticket ticket = next_ticket_++;
  Do(CancelEvent{ticket, "jobs/" + id, etag});
  return ticket;
}

Ticket StepWorld::Pause(const std::string& id, const std::string& etag) {
  const Ticket ticket = next_ticket_++;
  Do(PauseEvent{ticket, "jobs/" + id, etag});
  return ticket;
}

Ticket StepWorld::Resume(const std::string& id, const std::string& etag) {
  const Ticket ticket = next_ticket_++;
  Do(ResumeEvent{ticket, "jobs/" + id, etag});
  return ticket;
}

Ticket StepWorld::Delete(const std::string& id, const std::string& etag) {
  const Ticket ticket = next_ticket_++;
  Do(DeleteEvent{ticket, "jobs/" + id, etag});
  return ticket;
}

Ticket StepWorld::Update(Scheduler::UpdateJob request) {
  const Ticket ticket = next_ticket_++;
  Do(UpdateEvent{ticket, std::move(request)});
  return ticket;
}

Ticket StepWorld::CreateQueue(const v1::Queue& queue) {
  const Ticket ticket = next_ticket_++;
  Do(CreateQueueEvent{ticket, queue});
  return ticket;
}

Ticket StepWorld::UpdateQueue(Scheduler::QueueUpdate request) {
  const Ticket ticket = next_ticket_++;
  Do(UpdateQueueEvent{ticket, std::move(request)});
  return ticket;
}

Ticket StepWorld::DeleteQueue(const std::string& id) {
  const Ticket ticket = next_ticket_++;
  Do(DeleteQueueEvent{ticket, "queues/" + id});
  return ticket;
}

std::map<std::string, v1::Queue> StepWorld::Queues() {
  Do(ListQueuesEvent{next_ticket_++});
  std::map<std::string, v1::Queue> queues;
  for (const Effect& effect : effects_) {
    const auto* listed = std::get_if<QueuesEffect>(&effect);
    if (listed == nullptr) continue;
    for (const v1::Queue& queue : listed->queues.queues()) {
      queues[queue.name().substr(7)] = queue;
    }
  }
  return queues;
}

Ticket StepWorld::Drain(bool let_run) {
  const Ticket ticket = next_ticket_++;
  Do(DrainEvent{.ticket = ticket, .let_run = let_run});
  return ticket;
}

Ticket StepWorld::Undrain() {
  const Ticket ticket = next_ticket_++;
  Do(DrainEvent{.ticket = ticket, .drain = false});
  return ticket;
}

absl::StatusOr<v1::JobExplanation> StepWorld::Explain(const std::string& id) {
  Do(ExplainEvent{next_ticket_++, "jobs/" + id});
  for (const Effect& effect : effects_) {
    const auto* explain = std::get_if<ExplainEffect>(&effect);
    if (explain != nullptr) return explain->explanation;
  }
  return absl::InternalError("no answer");
}

Ticket StepWorld::Prepared(const std::string& id) {
  PreparedEvent event{.ticket = next_ticket_++};
  *event.report.mutable_caller() = CallerOf(id, 0, -1);
  event.report.mutable_plan()->set_steps(40);
  const Ticket ticket = event.ticket;
  Do(std::move(event));
  return ticket;
}

Ticket StepWorld::PrepareFailed(const std::string& id,
                                const std::string& message) {
  PreparedEvent event{.ticket = next_ticket_++};
  *event.report.mutable_caller() = CallerOf(id, 0, -1);
  event.report.mutable_error()->set_reason("INVALID_INPUT");
  event.report.mutable_error()->set_message(message);
  const Ticket ticket = event.ticket;
  Do(std::move(event));
  return ticket;
}

Ticket StepWorld::Checkpoint(const std::string& id, int attempt, int64_t step,
                             bool commit) {
  CheckpointEvent event{.ticket = next_ticket_++,
                        .caller = CallerOf(id, attempt, 0)};
  event.phase = commit ? worker::v1::CommitCheckpointRequest::PHASE_COMMIT
                       : worker::v1::CommitCheckpointRequest::PHASE_GRANT;
  event.checkpoint.set_step(step);
  event.checkpoint.set_path(absl::StrCat("/out/checkpoint-", step));
  event.checkpoint.set_manifest_sha256(std::string(64, 'a'));
  const Ticket ticket = event.ticket;
  Do(std::move(event));
  return ticket;
}

Ticket StepWorld::Pin(const std::string& id, int64_t step, bool pinned) {
  const Ticket ticket = next_ticket_++;
  Do(PinEvent{ticket, "jobs/" + id, step, pinned});
  return ticket;
}

Ticket StepWorld::Unlist(const std::string& id, int attempt, int64_t step) {
  CheckpointEvent event{
      .ticket = next_ticket_++,
      .caller = CallerOf(id, attempt, 0),
      .phase = worker::v1::CommitCheckpointRequest::PHASE_UNLIST};
  event.checkpoint.set_step(step);
  const Ticket ticket = event.ticket;
  Do(std::move(event));
  return ticket;
}

Ticket StepWorld::Attached(const std::string& id, int attempt, bool ended,
                           int exit_code) {
  AttachedEvent event{.ticket = next_ticket_++};
  *event.report.mutable_caller() = CallerOf(id, attempt, -1);
  event.report.set_ended(ended);
  const auto& attempts = job(id).attempts();
  const int ranks =
      attempt <= attempts.size() ? attempts.at(attempt - 1).ranks_size() : 1;
  for (int rank = 0; rank < ranks; ++rank) {
    worker::v1::RankProcess& process = *event.report.add_ranks();
    process.set_rank(rank);
    process.set_pid(100 + rank);
    process.set_exited(ended);
    process.set_exit_code(exit_code);
  }
  const Ticket ticket = event.ticket;
  Do(std::move(event));
  return ticket;
}

Ticket StepWorld::AttachedFrom(const std::string& id, const std::string& node,
                               int first, int ranks, bool ended,
                               int exit_code) {
  AttachedEvent event{.ticket = next_ticket_++};
  *event.report.mutable_caller() = CallerOf(id, job(id).attempt(), -1);
  event.report.set_node(node);
  event.report.set_ended(ended);
  for (int rank = first; rank < first + ranks; ++rank) {
    worker::v1::RankProcess& process = *event.report.add_ranks();
    process.set_rank(rank);
    process.set_pid(100 + rank);
    process.set_exited(ended);
    process.set_exit_code(exit_code);
  }
  const Ticket ticket = event.ticket;
  Do(std::move(event));
  return ticket;
}

void StepWorld::Says(EngineNews news) { Do(EngineEvent{std::move(news)}); }

void StepWorld::Progress(const std::string& id, int attempt, int64_t step) {
  v1::Progress progress;
  progress.set_step(step);
  Progress(id, attempt, std::move(progress));
}

void StepWorld::Progress(const std::string& id, int attempt,
                         v1::Progress progress) {
  ReportedEvent event{.caller = CallerOf(id, attempt, 0)};
  event.progress = std::move(progress);
  Do(std::move(event));
}

void StepWorld::Heard(const std::string& id, int attempt,
                      worker::v1::Phase phase, int64_t step, int rank) {
  Do(HeardEvent{CallerOf(id, attempt, rank), step, phase});
}

void StepWorld::HeardOfOthers(const std::string& id, int attempt,
                              worker::v1::Phase phase, int64_t step,
                              worker::v1::Phase other, absl::Duration time) {
  HeardEvent event{CallerOf(id, attempt, 0), step, phase};
  worker::v1::PhaseTime& passed = event.other_phases.emplace_back();
  passed.set_phase(other);
  passed.set_nanos(absl::ToInt64Nanoseconds(time));
  Do(std::move(event));
}

void StepWorld::OthersUse(std::map<std::string, std::string> uses) {
  Do(ForeignUseEvent{std::move(uses)});
}

void StepWorld::Failed(const std::string& id, int attempt, int rank,
                       v1::Attempt::EndCause cause,
                       const std::string& message) {
  ReportedEvent event{.caller = CallerOf(id, attempt, rank)};
  event.failure.emplace().set_cause(cause);
  event.failure->set_message(message);
  Do(std::move(event));
}

void StepWorld::Joined(const std::string& id, int attempt,
                       const std::vector<int>& missing) {
  RendezvousEvent event{
      {.attempt = {"jobs/" + id, attempt}, .joined = {}, .missing = missing}};
  Do(std::move(event));
}

void StepWorld::Launched(const AttemptRef& attempt) {
  server::ProcessRecord process;
  process.set_attempt(attempt.attempt);
  process.set_process_id(1000 + attempt.attempt);
  process.set_start_ticks(77);
  process.set_boot_id("boot");
  Do(LaunchedEvent{attempt, process});
}

void StepWorld::LaunchFailed(const AttemptRef& attempt) {
  Do(LaunchedEvent{attempt, absl::NotFoundError("no such program")});
}

void StepWorld::RanksEnded(const std::string& id, int attempt, int exit_code) {
  ProcessEnd end{.attempt = {"jobs/" + id, attempt}, .ranks = {}};
  for (const v1::RankPlacement& rank : job(id).attempts(attempt - 1).ranks()) {
    worker::v1::RankProcess& process = end.ranks.emplace_back();
    process.set_rank(rank.rank());
    process.set_exited(true);
    process.set_exit_code(exit_code);
  }
  Do(ProcessEndEvent{std::move(end)});
}

void StepWorld::ProcessEnded(const AttemptRef& attempt, int exit_code,
                             int signal) {
  Do(ProcessEndEvent{{.attempt = attempt,
                      .ranks = {},
                      .exit_code = exit_code,
                      .signal = signal}});
}

}  // namespace lockstep::testing
