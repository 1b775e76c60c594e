// A26: lockstepd and lockstep-worker are replaced while jobs run, and nobody
// has to stop them first. The programs of the release before are built from
// their own sources (build_previous.sh).

#include <signal.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/acceptance/seed.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr LongRun kRun = {.steps = 1500, .save_steps = 20};

std::string PreviousBinDir() {
  const char* dir = std::getenv("LOCKSTEP_PREVIOUS_BIN_DIR");
  return dir == nullptr ? "" : dir;
}

std::vector<int64_t> PidsOf(const v1::Job& job) {
  std::vector<int64_t> pids;
  for (const v1::RankPlacement& rank : job.attempts().rbegin()->ranks()) {
    pids.push_back(rank.pid());
  }
  return pids;
}

class UpgradeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(system((PreviousBinDir() + "/lockstepd --version").c_str()), 0)
        << "no programs of the release before; run tests/run_release.sh";
  }

  void Submit(const std::string& id) {
    SubmitDetached(cluster_, id, LongJob(cluster_.Path(id), kRun));
  }

  void Upgrade() {
    cluster_.KillDaemon();
    cluster_.UpgradeTo(BinDir());
    cluster_.StartDaemon();
  }

  v1::Job WaitForSuccess(const std::string& id) {
    const RunResult wait = cluster_.Lockstep({"wait", id}, 300);
    EXPECT_EQ(wait.exit_code, 0) << wait.err << cluster_.daemon_log();
    return cluster_.GetJob(id);
  }

  Chance chance_{SeedOfTest()};
  TestCluster cluster_{/*cpu_slots=*/2, /*flags=*/{}, PreviousBinDir()};
};

TEST_F(UpgradeTest, RanksOfTheOldReleaseTrainOnUnderTheNewCoordinator) {
  Submit("calm");
  const v1::Job calm = WaitForSuccess("calm");
  Submit("upgraded");
  Submit("waiting");
  ASSERT_TRUE(
      TrainedPast(cluster_, "upgraded", 20 + chance_.Below(kRun.steps / 2)));
  const std::vector<int64_t> pids = PidsOf(cluster_.GetJob("upgraded"));
  ASSERT_THAT(pids, SizeIs(2));

  Upgrade();

  const v1::Job upgraded = WaitForSuccess("upgraded");
  EXPECT_THAT(upgraded.attempts(), SizeIs(1));
  EXPECT_EQ(PidsOf(upgraded), pids);
  EXPECT_EQ(AdapterIn(cluster_.Path("upgraded")),
            AdapterIn(cluster_.Path("calm")));
  const auto steps = AttemptsOfSteps(cluster_, "upgraded");
  EXPECT_THAT(steps, SizeIs(kRun.steps));
  EXPECT_THAT(steps, Each(Pair(::testing::_, ElementsAre(1))));
  // What the old release left in the queue is run by the new one, and what it
  // did is still told.
  WaitForSuccess("waiting");
  EXPECT_EQ(cluster_.GetJob("calm").uid(), calm.uid());
  EXPECT_THAT(AttemptsOfSteps(cluster_, "calm"), SizeIs(kRun.steps));
  std::cout << "A26 upgrade_n_minus_1: ranks of the release before trained on, "
            << steps.size() << " steps in one attempt, the same bits\n";
}

TEST_F(UpgradeTest, ANewRankGoesOnFromTheCheckpointOfAnOldOne) {
  Submit("upgraded");
  ASSERT_TRUE(TrainedPast(cluster_, "upgraded",
                          3 * kRun.save_steps + chance_.Below(kRun.steps / 2)));
  const int64_t rank = PidsOf(cluster_.GetJob("upgraded")).front();

  Upgrade();
  ASSERT_EQ(kill(static_cast<pid_t>(rank), SIGKILL), 0);

  const v1::Job job = WaitForSuccess("upgraded");
  ASSERT_THAT(job.attempts(), SizeIs(2));
  EXPECT_EQ(job.attempts(0).end_cause(), v1::Attempt::WORKER_CRASH);
  EXPECT_GE(job.attempts(1).resume_step(), 2 * kRun.save_steps);
  std::cout
      << "A26 upgrade_n_minus_1: attempt 2, of this release, went on from "
         "step "
      << job.attempts(1).resume_step() << "\n";
}

}  // namespace
}  // namespace lockstep::testing
