// Processes die; the run ends in the same bits.

#include <signal.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// Many steps, so that a kill in its middle is a kill in its middle.
constexpr int kSteps = LongRun().steps;

// Also those that are not whole.
std::vector<std::string> CheckpointFolders(const std::string& dir) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    std::string name = entry.path().filename();
    if (absl::StartsWith(name, "checkpoint")) names.push_back(std::move(name));
  }
  return names;
}

// Trained once for all tests of this file.
const std::string& Undisturbed() {
  static const std::string adapter = UndisturbedAdapter();
  return adapter;
}

TEST(RecoveryTest, KilledWorkerIsReplacedAndTheRunEndsInTheSameBits) {
  TestCluster cluster;
  const std::string& calm = Undisturbed();
  ASSERT_FALSE(calm.empty());

  SubmitDetached(cluster, "storm", LongJob(cluster.Path("storm")));
  ASSERT_TRUE(TrainedPast(cluster, "storm", 120));
  const v1::Job running = cluster.GetJob("storm");
  ASSERT_THAT(running.attempts(), SizeIs(1));
  ASSERT_EQ(kill(running.attempts(0).ranks(1).pid(), SIGKILL), 0);
  const RunResult wait = cluster.Lockstep({"wait", "storm"});

  ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster.daemon_log();
  const v1::Job job = cluster.GetJob("storm");
  ASSERT_THAT(job.attempts(), SizeIs(2));
  EXPECT_EQ(job.attempts(0).end_cause(), v1::Attempt::WORKER_CRASH)
      << job.attempts(0).end_message();
  EXPECT_GE(job.attempts(1).resume_step(), 100);
  EXPECT_EQ(calm, AdapterIn(cluster.Path("storm")));
  // TensorBoard has each step once, though some were done twice.
  const int64_t every = job.spec().logging().logging_steps();
  ASSERT_EQ(kSteps % every, 0);
  const RunResult board = RunProgram(
      {OraclePython(), SourceDir() + "/tests/oracle/check_tensorboard.py",
       cluster.Path("storm/runs"), "--tags", "train/loss,train/grad_norm",
       "--steps", absl::StrCat(kSteps), "--points",
       absl::StrCat(kSteps / every), "--ended", "yes"});
  EXPECT_EQ(board.exit_code, 0) << board.out << board.err;
}

TEST(RecoveryTest, ARunThatKeepsTwoCheckpointsResumesFromTheNewest) {
  TestCluster cluster;
  const std::string& calm = Undisturbed();
  ASSERT_FALSE(calm.empty());
  const std::string yaml = absl::StrReplaceAll(
      LongJob(cluster.Path("storm")),
      {{"save_steps: 50", "save_steps: 50, save_total_limit: 2"}});

  SubmitDetached(cluster, "storm", yaml);
  ASSERT_TRUE(TrainedPast(cluster, "storm", 220));
  const v1::Job running = cluster.GetJob("storm");
  ASSERT_EQ(kill(running.attempts(0).ranks(0).pid(), SIGKILL), 0);
  const RunResult wait = cluster.Lockstep({"wait", "storm"});

  ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster.daemon_log();
  const v1::Job job = cluster.GetJob("storm");
  ASSERT_THAT(job.attempts(), SizeIs(2));
  EXPECT_GE(job.attempts(1).resume_step(), 200);
  EXPECT_EQ(calm, AdapterIn(cluster.Path("storm")));
  // What is listed is what is there.
  const RunResult list =
      cluster.Lockstep({"checkpoints", "list", "storm", "-o", "json"});
  EXPECT_THAT(list.out,
              AllOf(HasSubstr("checkpoints/600"), HasSubstr("checkpoints/550"),
                    Not(HasSubstr("checkpoints/500"))));
  EXPECT_THAT(CheckpointFolders(cluster.Path("storm")),
              UnorderedElementsAre("checkpoint-550", "checkpoint-600"));
  EXPECT_THAT(cluster.Lockstep({"events", "storm"}).out,
              HasSubstr("checkpoint of step 50 is not kept"));
}

TEST(RecoveryTest, TrainingGoesOnWithoutItsCoordinator) {
  TestCluster cluster;
  const std::string& calm = Undisturbed();
  ASSERT_FALSE(calm.empty());

  SubmitDetached(cluster, "storm", LongJob(cluster.Path("storm")));
  ASSERT_TRUE(TrainedPast(cluster, "storm", 60));
  const v1::Job before = cluster.GetJob("storm");
  cluster.KillDaemon();
  cluster.StartDaemon();
  const RunResult wait = cluster.Lockstep({"wait", "storm"});

  ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster.daemon_log();
  const v1::Job job = cluster.GetJob("storm");
  ASSERT_THAT(job.attempts(), SizeIs(1));
  EXPECT_EQ(job.attempts(0).ranks(0).pid(), before.attempts(0).ranks(0).pid());
  EXPECT_THAT(cluster.Losses("storm"), SizeIs(kSteps));
  EXPECT_EQ(calm, AdapterIn(cluster.Path("storm")));
}

TEST(RecoveryTest, SigtermDetachesAndTheJobEndsUnderTheNextDaemon) {
  TestCluster cluster;
  SubmitDetached(cluster, "job", LongJob(cluster.Path("out")));
  ASSERT_TRUE(TrainedPast(cluster, "job", 10));

  EXPECT_EQ(cluster.TerminateDaemon(), 0);
  cluster.StartDaemon();

  EXPECT_EQ(cluster.Lockstep({"wait", "job"}).exit_code, 0);
  EXPECT_THAT(cluster.GetJob("job").attempts(), SizeIs(1));
}

TEST(RecoveryTest, CancelStopsTheRanks) {
  TestCluster cluster;
  SubmitDetached(cluster, "job", LongJob(cluster.Path("out")));
  ASSERT_TRUE(TrainedPast(cluster, "job", 5));
  const v1::Job running = cluster.GetJob("job");

  ASSERT_EQ(cluster.Lockstep({"jobs", "cancel", "job"}).exit_code, 0);
  const RunResult wait = cluster.Lockstep({"wait", "job"});

  EXPECT_EQ(wait.exit_code, 11) << wait.err;
  EXPECT_EQ(cluster.GetJob("job").state(), v1::Job::CANCELLED);
  for (const v1::RankPlacement& rank : running.attempts(0).ranks()) {
    EXPECT_NE(kill(rank.pid(), 0), 0) << "rank " << rank.rank() << " lives";
  }
}

}  // namespace
}  // namespace lockstep::testing
