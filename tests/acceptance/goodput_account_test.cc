// A28: ranks, supervisors and the coordinator are killed and ranks are stopped,
// by a seed, while a job trains, starts and saves. It ends in the bits of a run
// that nothing disturbs, no point is lost or seen twice, and the account of its
// time is whole.

#include <signal.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/scheduler/proto_time.h"
#include "tests/acceptance/folder_watch.h"
#include "tests/acceptance/length.h"
#include "tests/acceptance/metric_reader.h"
#include "tests/acceptance/seed.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

enum class Fault { kKillRank, kKillSupervisor, kKillCoordinator, kStopRank };
constexpr Fault kFaults[] = {Fault::kKillRank, Fault::kKillSupervisor,
                             Fault::kKillCoordinator, Fault::kStopRank};
enum class Phase { kTraining, kSaving, kStarting };

// Of the whole wall time.
constexpr double kLeastClassed = 0.99;
// Of ten minutes with a fault every 30 s and a checkpoint every second.
constexpr double kLeastEffective = 0.90;
constexpr absl::Duration kLong = absl::Minutes(10);
constexpr absl::Duration kApart = absl::Seconds(30);
// Of a run of either length, with and without faults.
constexpr int kLongestSeconds = 1500;
// In full. As each checkpoint has the whole log, one entry a step would make it
// a thousand times as large as the adapter.
constexpr int kLoggingSteps = 50;

std::string NameOf(Fault fault) {
  switch (fault) {
    case Fault::kKillRank:
      return "rank killed";
    case Fault::kKillSupervisor:
      return "supervisor killed";
    case Fault::kKillCoordinator:
      return "coordinator killed";
    default:
      return "rank stopped";
  }
}

std::string NameOf(Phase phase) {
  switch (phase) {
    case Phase::kTraining:
      return "in training";
    case Phase::kSaving:
      return "in a save";
    default:
      return "at its start";
  }
}

bool IsCauseOf(Fault fault, v1::Attempt::EndCause cause) {
  if (fault == Fault::kStopRank) return cause == v1::Attempt::HANG;
  // How a supervisor ended is told to the coordinator that started it alone.
  if (fault == Fault::kKillSupervisor && cause == v1::Attempt::LOST)
    return true;
  return cause == v1::Attempt::WORKER_CRASH;
}

bool IsFull() { return LengthOfTest(/*usual=*/0, /*full=*/1) == 1; }

// How many steps a second are trained here.
double Pace() {
  constexpr int kFrom = 200;
  constexpr int kTo = 1200;
  TestCluster cluster;
  SubmitDetached(cluster, "pace",
                 LongJob(cluster.Path("pace"), {.steps = kTo}));
  EXPECT_TRUE(TrainedPast(cluster, "pace", kFrom));
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(TrainedPast(cluster, "pace", kTo));
  return (kTo - kFrom) / absl::ToDoubleSeconds(absl::Now() - begin);
}

// Longer than all faults take, also where training is faster than at first.
LongRun RunOfThisLength() {
  LongRun run = {.steps = 1500, .save_steps = 20, .max_restarts = 1000};
  if (!IsFull()) return run;
  const double pace = Pace();
  run.steps = static_cast<int>(pace * absl::ToDoubleSeconds(1.15 * kLong)) /
              kLoggingSteps * kLoggingSteps;
  run.save_steps = static_cast<int>(pace);
  run.logging_steps = kLoggingSteps;
  return run;
}

absl::Duration WallOf(const v1::Goodput::Share& share) {
  return FromProto(share.wall());
}

class GoodputAccountTest : public ::testing::Test {
 protected:
  bool Attempted(const v1::Job& job) const {
    return job.attempts_size() > ended_ &&
           job.attempts(ended_).ranks(0).pid() > 0 &&
           job.attempts(ended_).ranks(1).pid() > 0;
  }
  // The newest attempt, which has processes.
  v1::Attempt Running() {
    const v1::Job job = cluster_.WaitForJob(
        "storm", [&](const v1::Job& seen) { return Attempted(seen); });
    return Attempted(job) ? job.attempts(ended_) : v1::Attempt();
  }

  // Faults of each kind, in any order. In full they are kills: one that is
  // stopped stands for as long as --hang-timeout says, which is no matter of
  // how much is lost (hang_detect_test has those).
  std::vector<Fault> Deck() {
    std::vector<Fault> kinds(std::begin(kFaults), std::end(kFaults));
    if (IsFull()) std::erase(kinds, Fault::kStopRank);
    const size_t size = IsFull() ? static_cast<int>(kLong / kApart) : 8;
    std::vector<Fault> deck;
    for (size_t i = 0; i < size; ++i) deck.push_back(kinds[i % kinds.size()]);
    for (size_t i = deck.size(); i > 1; --i) {
      std::swap(deck[i - 1], deck[chance_.Below(static_cast<int>(i))]);
    }
    return deck;
  }

  // An attempt that is about to start dies for the last time: those that leave
  // no checkpoint are few. One that is stopped then is found by other means.
  Phase Choose(Fault fault) {
    const bool may_start = fresh_ && fault != Fault::kStopRank;
    if (may_start && chance_.OneIn(3)) return Phase::kStarting;
    return chance_.OneIn(3) ? Phase::kSaving : Phase::kTraining;
  }

  // Past the next checkpoint, and past the time of the next fault.
  void WaitForPhase(Phase phase) {
    if (phase == Phase::kStarting) return;
    const int save_steps = run_.save_steps;
    const int64_t step =
        reader_.newest_step() + 2 * save_steps + chance_.Below(2 * save_steps);
    ASSERT_TRUE(reader_.ReadUntil([&](const v1::MetricPoint& point) {
      return point.step() >= step && absl::Now() >= due_;
    })) << cluster_.daemon_log();
    if (phase != Phase::kSaving) return;
    FolderWatch out(out_, FolderWatch::For::kMade);
    ASSERT_TRUE(out.WaitFor("checkpoint-"));
  }

  void Hit(Fault fault, const v1::Attempt& attempt) {
    const auto rank = static_cast<pid_t>(attempt.ranks(chance_.Below(2)).pid());
    switch (fault) {
      case Fault::kKillRank:
        ASSERT_EQ(kill(rank, SIGKILL), 0);
        break;
      case Fault::kKillSupervisor:
        ASSERT_GT(ParentOf(rank), 1) << cluster_.daemon_log();
        ASSERT_EQ(kill(ParentOf(rank), SIGKILL), 0);
        break;
      case Fault::kStopRank:
        ASSERT_EQ(kill(rank, SIGSTOP), 0);
        break;
      case Fault::kKillCoordinator:
        cluster_.KillDaemon();
        cluster_.StartDaemon();
        fresh_ = false;
        return;
    }
    ++ended_;
    fresh_ = true;
  }

  void Disturb() {
    const absl::Time begin = absl::Now();
    for (const Fault fault : Deck()) {
      const Phase phase = Choose(fault);
      const std::string what = absl::StrCat(NameOf(fault), " ", NameOf(phase));
      SCOPED_TRACE(what);
      const v1::Attempt attempt = Running();
      ASSERT_EQ(attempt.ranks_size(), 2) << cluster_.daemon_log();
      if (IsFull()) due_ = begin + static_cast<int>(faults_.size()) * kApart;
      ASSERT_NO_FATAL_FAILURE(WaitForPhase(phase));
      const int before = ended_;
      ASSERT_NO_FATAL_FAILURE(Hit(fault, attempt));
      if (phase == Phase::kStarting) fresh_ = false;
      if (ended_ > before) by_attempt_.push_back(fault);
      faults_.push_back(what);
    }
  }

  // Each attempt ended as what hit it says.
  void ExpectCauses(const v1::Job& job) {
    ASSERT_EQ(job.attempts_size(), ended_ + 1);
    for (int i = 0; i < ended_; ++i) {
      const v1::Attempt& attempt = job.attempts(i);
      EXPECT_TRUE(IsCauseOf(by_attempt_[i], attempt.end_cause()))
          << NameOf(by_attempt_[i]) << ": "
          << v1::Attempt::EndCause_Name(attempt.end_cause()) << ", "
          << attempt.end_message();
    }
    EXPECT_EQ(job.attempts(ended_).end_cause(), v1::Attempt::SUCCESS);
  }

  // Of the time of the job, by class.
  std::map<v1::Goodput::Class, double> Account(const v1::Job& job) {
    const absl::Duration all =
        FromProto(job.end_time()) - FromProto(job.create_time());
    std::map<v1::Goodput::Class, double> account;
    for (const v1::Goodput::Share& share : job.goodput().shares()) {
      account[share.class_()] += absl::FDivDuration(WallOf(share), all);
    }
    return account;
  }

  const LongRun run_ = RunOfThisLength();
  Chance chance_{SeedOfTest()};
  TestCluster cluster_{2,
                       {"--heartbeat-interval", "500ms", "--hang-timeout",
                        "10s", "--starts-per-hour", "1000"}};
  const std::string out_ = cluster_.Path("storm");
  MetricReader reader_{cluster_, "storm"};
  absl::Time due_ = absl::InfinitePast();
  // Attempts that were hit.
  int ended_ = 0;
  // The one that runs was started by a fault that hit a trained one.
  bool fresh_ = false;
  std::vector<Fault> by_attempt_;
  std::vector<std::string> faults_;
};

TEST_F(GoodputAccountTest, ItEndsInTheUndisturbedBitsAndItsTimeIsNamed) {
  const std::string calm = UndisturbedAdapter(run_, kLongestSeconds);
  ASSERT_FALSE(calm.empty());
  SubmitDetached(cluster_, "storm", LongJob(out_, run_));

  ASSERT_NO_FATAL_FAILURE(Disturb());
  const RunResult wait = cluster_.Lockstep({"wait", "storm"}, kLongestSeconds);

  ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster_.daemon_log();
  const v1::Job job = cluster_.GetJob("storm");
  ExpectCauses(job);
  EXPECT_EQ(AdapterIn(out_), calm);
  // The stream ends with the job.
  EXPECT_FALSE(reader_.ReadTo(run_.steps + 1));
  EXPECT_EQ(reader_.newest_step(), run_.steps);
  EXPECT_EQ(static_cast<int>(reader_.steps().size()),
            run_.steps / run_.logging_steps);

  std::map<v1::Goodput::Class, double> account = Account(job);
  EXPECT_FALSE(account.contains(v1::Goodput::CLASS_UNSPECIFIED));
  const double classed = std::accumulate(
      account.begin(), account.end(), 0.0,
      [](double sum, const auto& entry) { return sum + entry.second; });
  EXPECT_GE(classed, kLeastClassed);
  EXPECT_LE(classed, 1 + 1e-6);
  const double effective = account[v1::Goodput::TRAIN];
  if (IsFull()) {
    EXPECT_GE(effective, kLeastEffective);
  }
  const auto percent = [](std::string* out, const auto& entry) {
    absl::StrAppendFormat(out, "%s %.1f%%",
                          v1::Goodput::Class_Name(entry.first),
                          100 * entry.second);
  };
  std::cout
      << absl::StrJoin(faults_, ", ") << "\n"
      << absl::StrJoin(account, ", ", percent) << "\n"
      << absl::StreamFormat(
             "A28 goodput_account: %d faults in %s, %d attempts, the same "
             "%d bytes, %d points once each; %.2f%% of the time is "
             "classed, effective time %.1f%% (%.1f%% of the device "
             "time)\n",
             faults_.size(),
             absl::FormatDuration(absl::Trunc(
                 FromProto(job.end_time()) - FromProto(job.create_time()),
                 absl::Seconds(1))),
             job.attempts_size(), calm.size(), reader_.points(), 100 * classed,
             100 * effective, 100 * job.goodput().ratio());
}

}  // namespace
}  // namespace lockstep::testing
