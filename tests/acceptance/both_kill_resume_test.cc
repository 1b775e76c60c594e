// A04: coordinator and ranks are killed together, as by a reboot, again and
// again; the run ends in the bits of one that nothing disturbs.

#include <signal.h>

#include <iostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/acceptance/length.h"
#include "tests/acceptance/seed.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

constexpr LongRun kRun = {.steps = 1500, .save_steps = 20};

class BothKillResumeTest : public ::testing::Test {
 protected:
  // Supervisor and ranks of the newest attempt, in any order.
  void KillRanks() {
    const v1::Attempt attempt = *job_.attempts().rbegin();
    std::vector<pid_t> pids;
    for (const v1::RankPlacement& rank : attempt.ranks()) {
      ASSERT_GT(rank.pid(), 0);
      pids.push_back(static_cast<pid_t>(rank.pid()));
    }
    const pid_t supervisor = ParentOf(pids[0]);
    ASSERT_GT(supervisor, 1);
    pids.insert(pids.begin() + chance_.Below(3), supervisor);
    for (const pid_t pid : pids) kill(pid, SIGKILL);
  }

  const int kills_ = LengthOfTest(/*usual=*/6, /*full=*/10);
  Chance chance_{SeedOfTest()};
  // As often as it is killed.
  TestCluster cluster_{/*cpu_slots=*/2, {"--starts-per-hour", "100"}};
  v1::Job job_;
};

TEST_F(BothKillResumeTest, TheRunEndsInTheUndisturbedBits) {
  const std::string calm = UndisturbedAdapter(kRun);
  ASSERT_FALSE(calm.empty());
  SubmitDetached(cluster_, "storm", LongJob(cluster_.Path("storm"), kRun));

  for (int attempt = 1; attempt <= kills_; ++attempt) {
    SCOPED_TRACE("kill " + std::to_string(attempt));
    ASSERT_TRUE(TrainedPast(cluster_, "storm", 1, attempt));
    const v1::Job started = cluster_.GetJob("storm");
    const int64_t from = started.attempts(attempt - 1).resume_step();
    // Past the next checkpoint, which is written while training goes on.
    const int64_t step = from + 2 * kRun.save_steps + chance_.Below(40);
    ASSERT_TRUE(TrainedPast(cluster_, "storm", step, attempt))
        << cluster_.daemon_log();
    job_ = cluster_.GetJob("storm");
    const bool ranks_first = chance_.OneIn(2);
    if (ranks_first) KillRanks();
    cluster_.KillDaemon();
    if (!ranks_first) KillRanks();
    cluster_.StartDaemon();
  }
  const RunResult wait = cluster_.Lockstep({"wait", "storm"});

  ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster_.daemon_log();
  job_ = cluster_.GetJob("storm");
  EXPECT_EQ(job_.attempts_size(), kills_ + 1);
  for (int i = 1; i < job_.attempts_size(); ++i) {
    EXPECT_GT(job_.attempts(i).resume_step(),
              job_.attempts(i - 1).resume_step())
        << "attempt " << i + 1;
  }
  EXPECT_EQ(AdapterIn(cluster_.Path("storm")), calm);
  std::cout << "A04 both_kill_resume: " << kills_ << " kills, "
            << job_.attempts_size() << " attempts, the same " << calm.size()
            << " bytes\n";
}

}  // namespace
}  // namespace lockstep::testing
