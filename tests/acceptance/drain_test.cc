// A drain in the middle of a run costs no step: the run ends in the bits of one
// that nothing disturbs, and each step was trained once.

#include <poll.h>
#include <signal.h>
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

// Only the drain makes a checkpoint before the end.
constexpr LongRun kRun = {.steps = 600, .save_steps = 600, .max_restarts = 0};

TEST(DrainTest, NoStepIsLostAndNoneIsTrainedTwice) {
  const std::string calm = UndisturbedAdapter(kRun);
  ASSERT_FALSE(calm.empty());
  TestCluster cluster;
  SubmitDetached(cluster, "storm", LongJob(cluster.Path("storm"), kRun));
  ASSERT_TRUE(TrainedPast(cluster, "storm", 120));

  const RunResult drain = cluster.Lockstep({"server", "drain", "--wait"});
  ASSERT_EQ(drain.exit_code, 0) << drain.err;
  EXPECT_EQ(drain.out, "server drained, and nothing runs\n");
  v1::Job job = cluster.GetJob("storm");
  ASSERT_THAT(job.attempts(), SizeIs(1));
  EXPECT_EQ(job.attempts(0).end_cause(), v1::Attempt::PREEMPTED)
      << job.attempts(0).end_message();
  EXPECT_EQ(job.state(), v1::Job::QUEUED);
  EXPECT_EQ(job.pending_reason(), v1::Job::DRAINING);
  EXPECT_EQ(job.restarts(), 0);

  // For an upgrade, say.
  EXPECT_EQ(cluster.TerminateDaemon(), 0);
  cluster.StartDaemon();
  EXPECT_EQ(cluster.GetJob("storm").state(), v1::Job::QUEUED);

  ASSERT_EQ(cluster.Lockstep({"server", "drain", "--undrain"}).exit_code, 0);
  const RunResult wait = cluster.Lockstep({"wait", "storm"});
  ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster.daemon_log();
  job = cluster.GetJob("storm");
  ASSERT_THAT(job.attempts(), SizeIs(2));
  const int64_t drained_at = job.attempts(1).resume_step();
  EXPECT_GE(drained_at, 120);
  EXPECT_LT(drained_at, kRun.steps);
  EXPECT_EQ(AdapterIn(cluster.Path("storm")), calm);
  const auto steps = AttemptsOfSteps(cluster, "storm");
  EXPECT_THAT(steps, SizeIs(kRun.steps));
  for (const auto& [step, attempts] : steps) {
    EXPECT_EQ(attempts, std::vector<int>{step <= drained_at ? 1 : 2})
        << "step " << step;
  }
  std::cout << "F33 drain: stopped at step " << drained_at << " of "
            << kRun.steps << ", 0 steps lost, the same " << calm.size()
            << " bytes\n";
}

TEST(DrainTest, RanksThatDoNotComeToACheckpointAreKilled) {
  constexpr LongRun kSaving = {.steps = 600, .save_steps = 50};
  const std::string calm = UndisturbedAdapter(kSaving);
  ASSERT_FALSE(calm.empty());
  TestCluster cluster(/*cpu_slots=*/2, {"--drain-grace", "1s"});
  SubmitDetached(cluster, "storm", LongJob(cluster.Path("storm"), kSaving));
  ASSERT_TRUE(TrainedPast(cluster, "storm", 120));
  const v1::Job running = cluster.GetJob("storm");
  // Readable when the process is dead, also before somebody has reaped it.
  std::vector<pollfd> ranks;
  for (const v1::RankPlacement& rank : running.attempts(0).ranks()) {
    ranks.push_back({.fd = OpenPidfd(rank.pid()), .events = POLLIN});
    ASSERT_GE(ranks.back().fd, 0);
  }
  ASSERT_EQ(kill(running.attempts(0).ranks(1).pid(), SIGSTOP), 0);

  ASSERT_EQ(cluster.Lockstep({"server", "drain", "--wait"}).exit_code, 0);
  v1::Job job = cluster.GetJob("storm");
  EXPECT_EQ(job.attempts(0).end_cause(), v1::Attempt::PREEMPTED)
      << job.attempts(0).end_message();
  EXPECT_EQ(job.restarts(), 0);
  EXPECT_THAT(cluster.Lockstep({"events", "storm"}).out,
              HasSubstr("no checkpoint came within 1s"));
  for (pollfd& rank : ranks) {
    EXPECT_EQ(poll(&rank, 1, /*timeout=*/60'000), 1) << "a rank lives";
    close(rank.fd);
  }

  ASSERT_EQ(cluster.Lockstep({"server", "drain", "--undrain"}).exit_code, 0);
  const RunResult wait = cluster.Lockstep({"wait", "storm"});
  ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster.daemon_log();
  job = cluster.GetJob("storm");
  ASSERT_THAT(job.attempts(), SizeIs(2));
  EXPECT_GE(job.attempts(1).resume_step(), 100);
  EXPECT_EQ(AdapterIn(cluster.Path("storm")), calm);
}

TEST(DrainTest, WhatIsLetRunEndsByItself) {
  TestCluster cluster;
  SubmitDetached(cluster, "job", LongJob(cluster.Path("job"), kRun));
  ASSERT_TRUE(TrainedPast(cluster, "job", 5));
  const RunResult drain =
      cluster.Lockstep({"server", "drain", "--let-run", "--wait"});
  EXPECT_EQ(drain.exit_code, 0) << drain.err;
  EXPECT_EQ(cluster.GetJob("job").state(), v1::Job::SUCCEEDED);
  EXPECT_THAT(cluster.GetJob("job").attempts(), SizeIs(1));
  EXPECT_THAT(cluster.Lockstep({"events", "job"}).out,
              Not(HasSubstr("drained")));
}

}  // namespace
}  // namespace lockstep::testing
