#include "tests/server/scheduler/step_world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/contract/job_state.h"

namespace lockstep::testing {
namespace {

std::string InWords(const AttemptRef& ref) {
  return absl::StrCat(ref.job, "/", ref.attempt);
}

struct Words {
  std::string operator()(const ReplyEffect&) const { return ""; }
  std::string operator()(const ExplainEffect&) const { return ""; }
  std::string operator()(const AckEffect&) const { return ""; }
  std::string operator()(const PutTokenEffect& effect) const {
    return "token of " + InWords(effect.attempt);
  }
  std::string operator()(const OpenRendezvousEffect& effect) const {
    return absl::StrCat("open ", InWords(effect.attempt), " for ",
                        effect.world_size,
                        effect.joined_before ? " joined" : "");
  }
  std::string operator()(const LaunchEffect& effect) const {
    return "launch " + InWords(effect.request.attempt);
  }
  std::string operator()(const WelcomeEffect& effect) const {
    return "welcome " + InWords(effect.attempt);
  }
  std::string operator()(const SignalEffect& effect) const {
    return (effect.kill ? "kill " : "terminate ") + InWords(effect.attempt);
  }
  std::string operator()(const StopCommandEffect& effect) const {
    return (effect.checkpoint ? "checkpoint and stop " : "stop ") +
           InWords(effect.attempt);
  }
  std::string operator()(const CloseEffect& effect) const {
    return "close " + InWords(effect.attempt);
  }
  std::string operator()(const ProgressEffect& effect) const {
    return absl::StrCat("progress of ", effect.name);
  }
  std::string operator()(const RemoveFilesEffect& effect) const {
    return "remove files of " + effect.job_uid;
  }
};

std::vector<v1::Node> Nodes(int cpu_slots) {
  v1::Node node;
  node.set_name("nodes/here");
  for (int slot = 0; slot < cpu_slots; ++slot) {
    v1::Device& device = *node.add_devices();
    device.set_id(absl::StrCat("cpu:", slot));
    device.set_kind(v1::Device::CPU);
  }
  return {node};
}

worker::v1::Caller CallerOf(const std::string& id, int attempt, int rank) {
  worker::v1::Caller caller;
  caller.set_job("jobs/" + id);
  caller.set_attempt(attempt);
  caller.set_rank(rank);
  return caller;
}

std::string JobOf(const v1::Checkpoint& checkpoint) {
  return checkpoint.name().substr(0, checkpoint.name().find("/checkpoints"));
}

v1::Job::State StateOf(const std::string& name) {
  v1::Job::State state = v1::Job::STATE_UNSPECIFIED;
  EXPECT_TRUE(v1::Job::State_Parse(name, &state)) << name;
  return state;
}

// "QUEUED -> PREPARING: why"
void CheckTransition(const v1::Event& event) {
  const std::string& message = event.message();
  const size_t arrow = message.find(" -> ");
  const size_t colon = message.find(':');
  ASSERT_NE(arrow, std::string::npos) << message;
  EXPECT_TRUE(
      CanTransition(StateOf(message.substr(0, arrow)),
                    StateOf(message.substr(arrow + 4, colon - arrow - 4))))
      << message;
}

}  // namespace

StepWorld::StepWorld(int cpu_slots) : cpu_slots_(cpu_slots) { Restart(); }

void StepWorld::Do(decltype(Event::what) what) {
  const Event event{std::move(what),
                    absl::StrCat("entropy of step ", ++steps_)};
  StepResult result = Step(state_, event, {now_, wall()});
  Write(result.write);
  effects_ = std::move(result.effects);
  events_ = std::move(result.write.events);
  for (const Effect& effect : effects_) {
    const auto* reply = std::get_if<ReplyEffect>(&effect);
    const auto* ack = std::get_if<AckEffect>(&effect);
    if (reply != nullptr) {
      EXPECT_TRUE(answers_.emplace(reply->ticket, reply->job.status()).second);
    } else if (ack != nullptr) {
      EXPECT_TRUE(answers_.emplace(ack->ticket, ack->status).second);
    }
  }
  Check();
}

void StepWorld::Restart() {
  std::vector<JobRow> records;
  std::map<std::string, Checkpoints> listed;
  for (const std::string& name : order_) {
    records.push_back(MakeJobRow(disk_.at(name)));
  }
  for (const v1::Checkpoint& checkpoint : checkpoints_) {
    listed[JobOf(checkpoint)].push_back(checkpoint);
  }
  state_ = RestoreState(options_, policy_, DevicePool(Nodes(cpu_slots_)),
                        std::move(records), listed, coordinator_, now_, wall());
  Do(RestoreEvent{});
}

void StepWorld::Advance(absl::Duration by) {
  now_ += by;
  Do(TickEvent{});
}

void StepWorld::Write(const StoreWrite& write) {
  for (const JobRow& row : write.jobs) {
    const server::JobRecord& record = *row;
    const std::string& name = record.job().name();
    const bool is_new = !disk_.contains(name);
    server::JobRecord& old = disk_[name];
    EXPECT_EQ(record.version(), old.version() + 1) << name;
    if (IsTerminal(old.job().state())) {
      EXPECT_EQ(record.job().state(), old.job().state()) << name;
    }
    if (is_new) order_.push_back(name);
    old = record;
  }
  for (const DeletedJob& deleted : write.deletions) {
    ASSERT_TRUE(disk_.contains(deleted.name)) << deleted.name;
    EXPECT_TRUE(IsTerminal(disk_[deleted.name].job().state()));
    EXPECT_EQ(disk_[deleted.name].job().uid(), deleted.uid);
    disk_.erase(deleted.name);
    std::erase(order_, deleted.name);
    std::erase_if(checkpoints_, [&](const v1::Checkpoint& checkpoint) {
      return JobOf(checkpoint) == deleted.name;
    });
  }
  for (const v1::Event& event : write.events) {
    EXPECT_EQ(disk_.contains(event.job()), event.type() != kJobDeleted)
        << event.job();
    if (event.type() == "STATE_CHANGED") CheckTransition(event);
  }
  WriteCheckpoints(write);
  if (write.coordinator.has_value()) coordinator_ = *write.coordinator;
}

void StepWorld::WriteCheckpoints(const StoreWrite& write) {
  for (const v1::Checkpoint& checkpoint : write.checkpoints) {
    // One that is listed again, or pinned, keeps its place.
    const auto listed = std::find_if(checkpoints_.begin(), checkpoints_.end(),
                                     [&](const v1::Checkpoint& other) {
                                       return other.name() == checkpoint.name();
                                     });
    if (listed == checkpoints_.end()) {
      checkpoints_.push_back(checkpoint);
    } else {
      *listed = checkpoint;
    }
  }
  for (const std::string& name : write.unlisted) {
    // Never what a new attempt would start from.
    const auto newest = std::find_if(
        checkpoints_.rbegin(), checkpoints_.rend(),
        [&](const v1::Checkpoint& checkpoint) {
          return name.rfind(JobOf(checkpoint) + "/checkpoints/", 0) == 0;
        });
    ASSERT_NE(newest, checkpoints_.rend()) << name;
    EXPECT_NE(newest->name(), name);
    EXPECT_GT(std::erase_if(checkpoints_,
                            [&](const v1::Checkpoint& checkpoint) {
                              return checkpoint.name() == name;
                            }),
              0)
        << name << " is unlisted and was not listed";
  }
}

std::vector<int64_t> StepWorld::ListedSteps(const std::string& id) const {
  std::vector<int64_t> steps;
  for (const v1::Checkpoint& checkpoint : checkpoints_) {
    if (JobOf(checkpoint) == "jobs/" + id) steps.push_back(checkpoint.step());
  }
  return steps;
}

void StepWorld::Check() const {
  std::map<std::string, std::string> holders;
  for (const auto& [name, record] : disk_) {
    const v1::Job& job = record.job();
    for (const v1::Attempt& attempt : job.attempts()) {
      if (attempt.state() == v1::Attempt::ENDED) {
        EXPECT_NE(attempt.end_cause(), v1::Attempt::END_CAUSE_UNSPECIFIED);
        continue;
      }
      EXPECT_EQ(&attempt, &*job.attempts().rbegin()) << name;
      EXPECT_FALSE(IsTerminal(job.state())) << name;
      for (const v1::RankPlacement& rank : attempt.ranks()) {
        EXPECT_TRUE(holders.emplace(rank.device(), name).second)
            << rank.device() << " is held twice";
      }
    }
  }
  for (const v1::Node& node : state_.pool.Nodes()) {
    for (const v1::Device& device : node.devices()) {
      const auto holder = holders.find(device.id());
      EXPECT_EQ(device.job(), holder == holders.end() ? "" : holder->second)
          << device.id();
    }
  }
}

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

void StepWorld::RunAttempt1(const std::string& id, int ranks,
                            int max_restarts) {
  Create(id, ranks, max_restarts);
  Prepare(id);
  Train(id, 1);
}

void StepWorld::Prepare(const std::string& id) {
  Launched({"jobs/" + id, 0});
  Prepared(id);
  ProcessEnded({"jobs/" + id, 0}, 0);
}

void StepWorld::Train(const std::string& id, int attempt) {
  Launched({"jobs/" + id, attempt});
  Attached(id, attempt, /*ended=*/false);
  Joined(id, attempt);
  Progress(id, attempt, 1);
  ASSERT_EQ(job(id).state(), v1::Job::RUNNING);
}

std::vector<std::string> StepWorld::Effects() const {
  std::vector<std::string> words;
  for (const Effect& effect : effects_) {
    std::string word = std::visit(Words(), effect);
    if (!word.empty()) words.push_back(std::move(word));
  }
  return words;
}

}  // namespace lockstep::testing
