#include "tests/server/scheduler/step_world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/contract/job_state.h"
#include "server/launcher/slurm_text.h"
#include "server/scheduler/proto_time.h"
#include "server/store/goodput.h"

namespace lockstep::testing {
namespace {

std::string InWords(const AttemptRef& ref) {
  return absl::StrCat(ref.job, "/", ref.attempt);
}

struct Words {
  std::string operator()(const ReplyEffect&) const { return ""; }
  std::string operator()(const ExplainEffect&) const { return ""; }
  std::string operator()(const QueueEffect&) const { return ""; }
  std::string operator()(const QueuesEffect&) const { return ""; }
  std::string operator()(const AckEffect&) const { return ""; }
  std::string operator()(const PutTokenEffect& effect) const {
    return "token of " + InWords(effect.attempt);
  }
  std::string operator()(const OpenRendezvousEffect& effect) const {
    return absl::StrCat("open ", InWords(effect.attempt), " for ",
                        effect.world_size,
                        effect.joined_before ? " joined" : "",
                        effect.waits_for_engine ? " later" : "");
  }
  std::string operator()(const StartRendezvousEffect& effect) const {
    return "start the clock of " + InWords(effect.attempt);
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
    if (effect.checkpoint) {
      return "checkpoint and stop " + InWords(effect.attempt);
    }
    return absl::StrCat(
        "stop ", InWords(effect.attempt),
        effect.grace == absl::ZeroDuration() ? " without grace" : "");
  }
  std::string operator()(const CloseEffect& effect) const {
    return "close " + InWords(effect.attempt);
  }
  std::string operator()(const ProgressEffect& effect) const {
    return absl::StrCat("progress of ", effect.name);
  }
  std::string operator()(const GoodputEffect& effect) const {
    return absl::StrCat("time of ", effect.name);
  }
  std::string operator()(const RemoveFilesEffect& effect) const {
    return "remove files of " + effect.job_uid;
  }
};

std::vector<v1::Node> Nodes(int cpu_slots, bool slurm) {
  if (slurm) return {SlurmNode({.cpus = cpu_slots, .gpus = {}})};
  v1::Node node;
  node.set_name("nodes/here");
  for (int slot = 0; slot < cpu_slots; ++slot) {
    v1::Device& device = *node.add_devices();
    device.set_id(absl::StrCat("cpu:", slot));
    device.set_kind(v1::Device::CPU);
  }
  return {node};
}

// Those of its ranks, or the slots of an engine that it fills.
std::vector<std::string> HeldDevices(const server::JobRecord& record,
                                     const v1::Attempt& attempt) {
  std::vector<std::string> held;
  for (const server::ProcessRecord& process : record.processes()) {
    if (process.attempt() != record.job().attempt()) continue;
    for (const server::KeptDevice& slot : process.slots()) {
      held.push_back(slot.device());
    }
  }
  if (!held.empty()) return held;
  for (const v1::RankPlacement& rank : attempt.ranks()) {
    held.push_back(rank.device());
  }
  return held;
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

StepWorld::StepWorld(int cpu_slots, bool slurm)
    : cpu_slots_(cpu_slots), slurm_(slurm) {
  Restart();
}

Ticket StepWorld::DoAs(Actor actor, decltype(Event::what) what) {
  const Ticket ticket = next_ticket_++;
  std::visit(
      [ticket](auto& event) {
        if constexpr (requires { event.ticket; }) event.ticket = ticket;
      },
      what);
  Do(std::move(what), std::move(actor));
  return ticket;
}

void StepWorld::Do(decltype(Event::what) what, Actor actor) {
  const Event event{std::move(what), absl::StrCat("entropy of step ", ++steps_),
                    std::move(actor)};
  StepResult result = Step(state_, event, {now_, wall()});
  Write(result.write);
  effects_ = std::move(result.effects);
  events_ = std::move(result.write.events);
  for (const Effect& effect : effects_) {
    const auto* reply = std::get_if<ReplyEffect>(&effect);
    const auto* ack = std::get_if<AckEffect>(&effect);
    const auto* queue = std::get_if<QueueEffect>(&effect);
    if (queue != nullptr) {
      EXPECT_TRUE(
          answers_.emplace(queue->ticket, queue->queue.status()).second);
    } else if (reply != nullptr) {
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
  std::vector<server::QueueRecord> queues;
  for (const auto& [name, record] : queues_) queues.push_back(record);
  state_ = RestoreState(
      options_, policy_, DevicePool(Nodes(cpu_slots_, slurm_)),
      std::move(records), listed, coordinator_, queues, now_, wall());
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
  for (const QueueRow& row : write.queues) {
    queues_[row->queue().name()] = *row;
  }
  for (const std::string& name : write.deleted_queues) {
    EXPECT_EQ(queues_.erase(name), 1) << name;
  }
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

// Each moment is in exactly one share, on disk and in memory.
void StepWorld::CheckTime(const server::JobRecord& record) const {
  const v1::Job& job = record.job();
  const absl::Time end =
      job.has_end_time() ? FromProto(job.end_time()) : wall();
  absl::Duration sum;
  const v1::Goodput goodput = GoodputAt(record, wall());
  for (const v1::Goodput::Share& share : goodput.shares()) {
    EXPECT_GE(FromProto(share.wall()), absl::ZeroDuration()) << job.name();
    EXPECT_NE(share.class_(), v1::Goodput::CLASS_UNSPECIFIED) << job.name();
    sum += FromProto(share.wall());
  }
  EXPECT_EQ(sum, end - FromProto(job.create_time()))
      << job.name() << ": " << goodput.DebugString();
}

std::vector<std::string> StepWorld::Shares(const std::string& id) const {
  std::vector<std::string> words;
  const v1::Goodput goodput =
      GoodputAt(*state_.jobs.at("jobs/" + id).record, wall());
  for (const v1::Goodput::Share& share : goodput.shares()) {
    const absl::Duration wall = FromProto(share.wall());
    if (wall == absl::ZeroDuration()) continue;
    words.push_back(absl::StrCat(v1::Goodput::Class_Name(share.class_()), " ",
                                 share.cause(), " ",
                                 absl::FormatDuration(wall)));
  }
  return words;
}

void StepWorld::Check() const {
  for (const auto& [name, entry] : state_.jobs) CheckTime(*entry.record);
  std::map<std::string, std::string> holders;
  for (const auto& [name, record] : disk_) {
    CheckTime(record);
    const v1::Job& job = record.job();
    for (const v1::Attempt& attempt : job.attempts()) {
      if (attempt.state() == v1::Attempt::ENDED) {
        EXPECT_NE(attempt.end_cause(), v1::Attempt::END_CAUSE_UNSPECIFIED);
        continue;
      }
      EXPECT_EQ(&attempt, &*job.attempts().rbegin()) << name;
      EXPECT_FALSE(IsTerminal(job.state())) << name;
      for (const std::string& device : HeldDevices(record, attempt)) {
        EXPECT_TRUE(holders.emplace(device, name).second)
            << device << " is held twice";
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
