// A pause costs no step, whatever becomes of the coordinator meanwhile: the run
// ends in the bits of one that nothing disturbs, and each step was trained
// once.

#include <poll.h>
#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/launcher/process_table.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// Only the pause makes a checkpoint before the end.
// Long enough that it does not end before a new coordinator tells it to stop.
constexpr LongRun kRun = {.steps = 1000, .save_steps = 1000, .max_restarts = 0};

// Readable when the process is dead, also before somebody has reaped it.
std::vector<pollfd> Open(const v1::Attempt& attempt) {
  std::vector<pollfd> ranks;
  for (const v1::RankPlacement& rank : attempt.ranks()) {
    ranks.push_back({.fd = OpenPidfd(rank.pid()), .events = POLLIN});
    EXPECT_GE(ranks.back().fd, 0);
  }
  return ranks;
}

TEST(PauseTest, NoStepIsLostThoughTheCoordinatorIsKilledAtEachPoint) {
  const std::string calm = UndisturbedAdapter(kRun);
  ASSERT_FALSE(calm.empty());
  TestCluster cluster;
  SubmitDetached(cluster, "storm", LongJob(cluster.Path("storm"), kRun));
  ASSERT_TRUE(TrainedPast(cluster, "storm", 120));
  std::vector<pollfd> ranks = Open(cluster.GetJob("storm").attempts(0));

  const RunResult pause = cluster.Lockstep({"jobs", "pause", "storm"});
  ASSERT_EQ(pause.exit_code, 0) << pause.err;
  EXPECT_EQ(pause.out, "job/storm pausing\n");
  // What was answered is on disk; whether the ranks know is not.
  cluster.KillDaemon();
  cluster.StartDaemon();
  v1::Job job = cluster.WaitForState("storm", v1::Job::PAUSED);
  ASSERT_THAT(job.attempts(), SizeIs(1));
  EXPECT_EQ(job.attempts(0).end_cause(), v1::Attempt::PAUSED)
      << job.attempts(0).end_message();
  EXPECT_THAT(job.attempts(0).end_message(),
              HasSubstr("checkpoint is of step"));
  EXPECT_EQ(job.restarts(), 0);
  for (pollfd& rank : ranks) {
    EXPECT_EQ(poll(&rank, 1, /*timeout=*/0), 1) << "a rank lives";
    close(rank.fd);
  }
  EXPECT_THAT(cluster.Lockstep({"nodes", "list", "-o", "json"}).out,
              Not(HasSubstr("jobs/storm")));

  // It holds, and others have its devices.
  cluster.KillDaemon();
  cluster.StartDaemon();
  const RunResult other = cluster.SubmitAndWait(
      "other", LongJob(cluster.Path("other"), {.steps = 5}));
  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_EQ(cluster.GetJob("storm").state(), v1::Job::PAUSED);

  ASSERT_EQ(cluster.Lockstep({"jobs", "resume", "storm"}).exit_code, 0);
  cluster.KillDaemon();
  cluster.StartDaemon();
  const RunResult wait = cluster.Lockstep({"wait", "storm"});
  ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster.daemon_log();
  job = cluster.GetJob("storm");
  ASSERT_THAT(job.attempts(), SizeIs(2));
  const int64_t paused_at = job.attempts(1).resume_step();
  EXPECT_GE(paused_at, 120);
  EXPECT_LT(paused_at, kRun.steps);
  EXPECT_EQ(AdapterIn(cluster.Path("storm")), calm);
  const auto steps = AttemptsOfSteps(cluster, "storm");
  EXPECT_THAT(steps, SizeIs(kRun.steps));
  for (const auto& [step, attempts] : steps) {
    EXPECT_EQ(attempts, std::vector<int>{step <= paused_at ? 1 : 2})
        << "step " << step;
  }
  std::cout << "pause: held at step " << paused_at << " of " << kRun.steps
            << ", 3 kills, 0 steps lost, the same " << calm.size()
            << " bytes\n";
}

}  // namespace
}  // namespace lockstep::testing
