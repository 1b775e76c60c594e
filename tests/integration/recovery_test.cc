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
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// Many steps, so that a kill in its middle is a kill in its middle, and each a
// small one: all tests of this file run it, some twice.
constexpr int kSteps = 600;

std::string LongJob(const std::string& out) {
  const std::string data = SourceDir() + "/tests/testdata/";
  return absl::StrCat(
      "apiVersion: lockstep/v1\nmodel: {path: ", data, "models/tiny-llama}\n",
      "method: {lora: {r: 8, alpha: 16, dropout: 0.1}}\n",
      "data: {train: [{path: ", data, "data/text.jsonl}], max_length: 64}\n",
      "train:\n  max_steps: ", kSteps,
      R"(
  per_device_train_batch_size: 1
  gradient_accumulation_steps: 2
  learning_rate: 1.0e-3
checkpoint: {save_steps: 50}
resources: {device: cpu, ranks: 2}
output_dir: )",
      out, "\n");
}

void SubmitDetached(TestCluster& cluster, const std::string& name,
                    const std::string& yaml) {
  WriteFile(cluster.Path(name + ".yaml"), yaml);
  const RunResult submit = cluster.Lockstep(
      {"submit", cluster.Path(name + ".yaml"), "--name", name});
  ASSERT_EQ(submit.exit_code, 0) << submit.err;
}

bool TrainedPast(TestCluster& cluster, const std::string& name, int64_t step) {
  return cluster.FollowMetrics(
      name, [&](const v1::MetricPoint& point) { return point.step() >= step; });
}

// Also those that are not whole.
std::vector<std::string> CheckpointFolders(const std::string& dir) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    std::string name = entry.path().filename();
    if (absl::StartsWith(name, "checkpoint")) names.push_back(std::move(name));
  }
  return names;
}

// What the job ends in when nothing happens to it; trained once.
const std::string& UndisturbedAdapter() {
  static const std::string adapter = [] {
    TestCluster cluster;
    const RunResult run =
        cluster.SubmitAndWait("calm", LongJob(cluster.Path("calm")));
    EXPECT_EQ(run.exit_code, 0) << run.err << cluster.daemon_log();
    return ReadFile(cluster.Path("calm/adapter_model.safetensors"));
  }();
  return adapter;
}

TEST(RecoveryTest, KilledWorkerIsReplacedAndTheRunEndsInTheSameBits) {
  TestCluster cluster;
  const std::string& calm = UndisturbedAdapter();
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
  EXPECT_EQ(calm, ReadFile(cluster.Path("storm/adapter_model.safetensors")));
}

TEST(RecoveryTest, ARunThatKeepsTwoCheckpointsResumesFromTheNewest) {
  TestCluster cluster;
  const std::string& calm = UndisturbedAdapter();
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
  EXPECT_EQ(calm, ReadFile(cluster.Path("storm/adapter_model.safetensors")));
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
  const std::string& calm = UndisturbedAdapter();
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
  EXPECT_EQ(calm, ReadFile(cluster.Path("storm/adapter_model.safetensors")));
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
