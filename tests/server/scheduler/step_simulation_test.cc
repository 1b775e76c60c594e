// A random cluster: jobs, cancels, crashes of ranks, of launches and of the
// coordinator itself, in an order that a seed decides. StepWorld checks after
// each step what must always hold; in the end every job has one terminal state
// and every device is free.

#include <algorithm>
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/job_state.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;

class Simulation {
 public:
  explicit Simulation(unsigned seed) : random_(seed) {}

  void Run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      Something();
    }
    Finish();
  }

  const std::map<std::string, server::JobRecord>& jobs() const {
    return world_.disk();
  }
  int deleted() const { return deleted_; }

 private:
  // A process as the launcher knows it.
  struct Process {
    AttemptRef attempt;
    bool told_to_stop = false;
    bool dies = false;  // SIGKILL is on its way.
  };

  int Below(int bound) {
    return std::uniform_int_distribution<int>(0, bound - 1)(random_);
  }
  bool OneIn(int chances) { return Below(chances) == 0; }
  static std::string IdOf(const AttemptRef& attempt) {
    return attempt.job.substr(5);
  }

  // What the effects of the newest step do to the cluster. A launch answers
  // with a step of its own, whose effects follow.
  void Obey() {
    const std::vector<Effect> effects = world_.effects();
    for (const Effect& effect : effects) {
      if (const auto* launch = std::get_if<LaunchEffect>(&effect)) {
        Launch(launch->request.attempt);
      } else if (const auto* signal = std::get_if<SignalEffect>(&effect)) {
        for (Process& process : processes_) {
          if (process.attempt != signal->attempt) continue;
          process.told_to_stop = true;
          process.dies = process.dies || signal->kill;
        }
      }
    }
  }

  void Launch(const AttemptRef& attempt) {
    for (const Process& process : processes_) {
      ASSERT_NE(process.attempt, attempt) << "started twice";
    }
    if (OneIn(20)) {
      world_.LaunchFailed(attempt);
    } else {
      processes_.push_back({attempt});
      world_.Launched(attempt);
    }
    Obey();
  }

  void Something() {
    switch (Below(13)) {
      case 0:
        world_.Create(absl::StrCat("j", Below(60)), 1 + Below(3), Below(4));
        break;
      case 1:
        Cancel();
        break;
      case 2:
        world_.Advance(absl::Milliseconds(Below(20'000)));
        break;
      case 3:
        if (OneIn(5)) return Crash();
        break;
      case 4:
        StaleCheckpoint();
        break;
      case 5:
        Delete();
        break;
      default:
        if (processes_.empty()) return;
        ProcessDoes(Below(static_cast<int>(processes_.size())));
    }
    Obey();
  }

  // Any job, or one that has a process.
  void Cancel() {
    if (processes_.empty() || OneIn(2)) {
      world_.Cancel(absl::StrCat("j", Below(60)));
    } else {
      const int index = Below(static_cast<int>(processes_.size()));
      world_.Cancel(IdOf(processes_[index].attempt));
    }
  }

  // Only what has ended and has no process goes.
  void Delete() {
    const std::string id = absl::StrCat("j", Below(60));
    if (!world_.disk().contains("jobs/" + id)) return;
    if (!world_.answer(world_.Delete(id)).ok()) return;
    ++deleted_;
    for (const Process& process : processes_) {
      EXPECT_NE(IdOf(process.attempt), id);
    }
  }

  // The coordinator dies after a write and before its effects.
  void Crash() {
    if (OneIn(2)) world_.Create(absl::StrCat("j", Below(60)), 1, 1);
    world_.Restart();
    Obey();
    // A supervisor that had told all it had to tell is no concern any more.
    std::erase_if(processes_, [&](const Process& process) {
      for (const server::ProcessRecord& record :
           world_.record(IdOf(process.attempt)).processes()) {
        if (record.attempt() == process.attempt.attempt) return record.ended();
      }
      return true;
    });
    std::vector<AttemptRef> gone;
    for (const auto& [name, record] : world_.disk()) {
      for (const server::ProcessRecord& process : record.processes()) {
        const AttemptRef ref{name, process.attempt()};
        if (!process.ended() && !Lives(ref)) gone.push_back(ref);
      }
    }
    for (const AttemptRef& ref : gone) {
      world_.ProcessEnded(ref, 0);
      Obey();
    }
  }

  bool Lives(const AttemptRef& attempt) const {
    return std::any_of(
        processes_.begin(), processes_.end(),
        [&](const Process& process) { return process.attempt == attempt; });
  }

  // Of any attempt that ever was but the live one.
  void StaleCheckpoint() {
    const std::string id = absl::StrCat("j", Below(60));
    if (!world_.disk().contains("jobs/" + id)) return;
    const v1::Job& job = world_.job(id);
    const int attempt = 1 + Below(job.attempt() + 1);
    const bool live = attempt == job.attempt() && LiveAttemptOf(job) != nullptr;
    const size_t listed = world_.checkpoints().size();
    const Ticket ticket = world_.Checkpoint(id, attempt, 1 + Below(99), true);
    EXPECT_EQ(world_.answer(ticket).ok(), live);
    EXPECT_GE(world_.checkpoints().size(), listed);
    EXPECT_LE(world_.checkpoints().size(), listed + (live ? 1 : 0));
    if (OneIn(3)) UnlistOne(id, attempt, live);
  }

  // Of a step that may be listed, may be the newest, or neither.
  void UnlistOne(const std::string& id, int attempt, bool live) {
    const size_t listed = world_.ListedSteps(id).size();
    const Ticket ticket = world_.Unlist(id, attempt, 1 + Below(99));
    const size_t left = world_.ListedSteps(id).size();
    if (!live) {
      EXPECT_FALSE(world_.answer(ticket).ok());
      EXPECT_EQ(left, listed);
    }
    EXPECT_EQ(left > 0, listed > 0);
  }

  void ProcessDoes(int index) {
    const Process process = processes_[index];
    if (process.dies)
      return End(index, [&] {
        world_.ProcessEnded(process.attempt, 0, /*signal=*/9);
      });
    if (process.attempt.attempt == 0) {
      PrepareDoes(index, process.attempt);
    } else {
      AttemptDoes(index, process);
    }
  }

  template <typename Tell>
  void End(int index, Tell tell) {
    processes_.erase(processes_.begin() + index);
    tell();
  }

  void PrepareDoes(int index, const AttemptRef& attempt) {
    const std::string id = IdOf(attempt);
    switch (Below(5)) {
      case 0:
        world_.PrepareFailed(id, "bad row");
        break;
      case 1:
        return End(index, [&] { world_.ProcessEnded(attempt, 0, 11); });
      case 2:
        return End(index, [&] { world_.ProcessEnded(attempt, 0); });
      default:
        world_.Prepared(id);
    }
  }

  void AttemptDoes(int index, const Process& process) {
    const std::string id = IdOf(process.attempt);
    const int attempt = process.attempt.attempt;
    const int exit_code = process.told_to_stop ? kStopped : AnyExitCode();
    switch (Below(9)) {
      case 0:
        world_.Attached(id, attempt, /*ended=*/false);
        break;
      case 1:
        world_.Joined(id, attempt);
        break;
      case 2:
        if (OneIn(4)) world_.Joined(id, attempt, {0});
        break;
      case 3:
      case 4:
        world_.Progress(id, attempt, Below(50));
        break;
      case 5:
        if (OneIn(4)) {
          world_.Failed(id, attempt, 0, v1::Attempt::STORAGE_FULL, "full");
        }
        break;
      case 6:
        // The supervisor goes on for a while.
        world_.Attached(id, attempt, /*ended=*/true, exit_code);
        break;
      case 7:
        return End(index, [&] { world_.RanksEnded(id, attempt, exit_code); });
      default:
        if (!OneIn(4)) return;
        return End(index, [&] { world_.ProcessEnded(process.attempt, 0, 9); });
    }
  }

  int AnyExitCode() {
    constexpr int kCodes[] = {kOk,         kOk,        kFailure, kPeerLost,
                              kSuperseded, kNotFinite, kStopped};
    return kCodes[Below(std::size(kCodes))];
  }

  // From here on everything ends as it can, and nothing new comes.
  void Finish() {
    for (int round = 0; round < 10'000; ++round) {
      const bool all_ended = std::all_of(
          world_.disk().begin(), world_.disk().end(), [](const auto& entry) {
            return IsTerminal(entry.second.job().state());
          });
      if ((all_ended && processes_.empty()) || ::testing::Test::HasFailure()) {
        break;
      }
      if (processes_.empty()) {
        world_.Advance(absl::Seconds(10));
      } else if (const Process process = processes_[0];
                 process.attempt.attempt == 0) {
        world_.Prepared(IdOf(process.attempt));
        Obey();
        End(0, [&] { world_.ProcessEnded(process.attempt, 0); });
      } else {
        End(0, [&] {
          world_.RanksEnded(IdOf(process.attempt), process.attempt.attempt,
                            kOk);
        });
      }
      Obey();
    }
    for (const auto& [name, record] : world_.disk()) {
      EXPECT_TRUE(IsTerminal(record.job().state()))
          << name << ": " << StateName(record.job().state());
    }
  }

  std::mt19937 random_;
  StepWorld world_{4};
  std::vector<Process> processes_;
  int deleted_ = 0;
};

TEST(StepSimulationTest, PromisesHoldInAnyOrder) {
  std::map<v1::Job::State, int> ended_in;
  int attempts = 0;
  int deleted = 0;
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Simulation simulation(seed);
    simulation.Run(/*steps=*/400);
    if (::testing::Test::HasFailure()) return;
    deleted += simulation.deleted();
    for (const auto& [name, record] : simulation.jobs()) {
      ++ended_in[record.job().state()];
      attempts += record.job().attempt();
    }
  }
  // It was no idle cluster.
  EXPECT_GT(deleted, 50);
  EXPECT_GT(ended_in[v1::Job::SUCCEEDED], 50);
  EXPECT_GT(ended_in[v1::Job::FAILED], 50);
  EXPECT_GT(ended_in[v1::Job::CANCELLED], 50);
  EXPECT_GT(attempts, ended_in[v1::Job::SUCCEEDED]);
}

}  // namespace
}  // namespace lockstep
