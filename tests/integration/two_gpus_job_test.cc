// Jobs on two GPUs that talk through NCCL: the loss of one GPU on the same
// rows, and the same bits when a rank is killed or stopped.

#include <signal.h>

#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/gpu_jobs.h"
#include "tests/integration/long_run.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class TwoGpusJobTest : public ::testing::Test {
 protected:
  std::string Yaml(const std::string& output) const {
    GpuJob job = job_;
    job.output_dir = cluster_.Path(output);
    return GpuJobYaml(job);
  }
  // In place of adapters.
  void TrainAllWeights() {
    job_.model = MakeTiedGpuModel(cluster_);
    job_.method = "{full: {}}";
    job_.learning_rate = "1.0e-3";
    result_ = "/model.safetensors";
  }
  void RunCalm() {
    const RunResult calm = cluster_.SubmitAndWait("calm", Yaml("calm"));
    ASSERT_EQ(calm.exit_code, 0) << calm.err << cluster_.daemon_log();
  }
  // Sends `signal` to rank 1 after a checkpoint, and waits for the job's end.
  void RunStorm(int signal) {
    SubmitDetached(cluster_, "storm", Yaml("storm"));
    ASSERT_TRUE(TrainedPast(cluster_, "storm", kGpuJobSaveSteps + 20));
    const v1::Job running = cluster_.GetJob("storm");
    signalled_ = absl::Now();
    ASSERT_EQ(kill(running.attempts(0).ranks(1).pid(), signal), 0);
    const RunResult wait = cluster_.Lockstep({"wait", "storm"});
    ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster_.daemon_log();
  }
  // From the signal to the end of the attempt that it hit.
  absl::Duration Noticed(const v1::Attempt& attempt) const {
    return absl::FromUnixSeconds(attempt.end_time().seconds()) - signalled_;
  }
  void ExpectTheBitsOfCalm() const {
    const std::string calm = ReadFile(cluster_.Path("calm") + result_);
    EXPECT_FALSE(calm.empty());
    EXPECT_EQ(ReadFile(cluster_.Path("storm") + result_), calm);
  }

  TestCluster cluster_;
  const std::string model_ = MakeGpuModel(cluster_);
  GpuJob job_ = {
      .model = model_, .device = "cuda", .ranks = 2, .batch_size = 2};
  std::string result_ = "/adapter_model.safetensors";
  absl::Time signalled_;
};

TEST_F(TwoGpusJobTest, TrainsAlongTheLossCurveOfOne) {
  const RunResult one = cluster_.SubmitAndWait(
      "one", GpuJobYaml({model_, "cuda", cluster_.Path("one")}));
  ASSERT_EQ(one.exit_code, 0) << one.err << cluster_.daemon_log();
  RunCalm();

  const v1::Job job = cluster_.GetJob("calm");
  ASSERT_THAT(job.attempts(0).ranks(), SizeIs(2));
  EXPECT_NE(job.attempts(0).ranks(0).device(),
            job.attempts(0).ranks(1).device());
  ExpectSameLossCurve(cluster_.Losses("calm"), cluster_.Losses("one"), 0.03);
}

// Gradients of the blocks are summed while the backward pass goes on, and the
// rows of the inputs are gathered at its end: 2 * 256 tokens in bfloat16 are
// fewer bytes than the gradient of 320 in float32. In micro-batches of half a
// step what came before the last is summed.
TEST_F(TwoGpusJobTest, AllWeightsTrainAlongTheLossCurveOfOne) {
  const std::string tied = MakeTiedGpuModel(cluster_);
  const auto losses = [&](const std::string& name, const std::string& model,
                          int ranks, int accumulation) {
    const RunResult run = cluster_.SubmitAndWait(
        name, GpuJobYaml({.model = model,
                          .device = "cuda",
                          .output_dir = cluster_.Path(name),
                          .ranks = ranks,
                          .batch_size = 4 / (ranks * accumulation),
                          .accumulation = accumulation,
                          .method = "{full: {}}",
                          .learning_rate = "3.0e-4"}));
    EXPECT_EQ(run.exit_code, 0) << run.err << cluster_.daemon_log();
    return cluster_.Losses(name);
  };
  for (const std::string& model : {model_, tied}) {
    SCOPED_TRACE(model);
    const std::string kind = model == tied ? "tied" : "full";
    const auto one = losses(kind + "-1", model, 1, 1);

    ExpectSameLossCurve(losses(kind + "-2", model, 2, 1), one, 0.03);
    ExpectSameLossCurve(losses(kind + "-2-2", model, 2, 2), one, 0.03);
  }
}

TEST_F(TwoGpusJobTest, AKilledRankIsNamedAndTheRunEndsInTheSameBits) {
  RunCalm();
  RunStorm(SIGKILL);

  const v1::Job job = cluster_.GetJob("storm");
  ASSERT_THAT(job.attempts(), SizeIs(2));
  EXPECT_EQ(job.attempts(0).end_cause(), v1::Attempt::WORKER_CRASH);
  EXPECT_THAT(job.attempts(0).end_message(),
              HasSubstr("rank 1 was ended by signal 9"));
  EXPECT_LT(Noticed(job.attempts(0)), absl::Seconds(10));
  ExpectTheBitsOfCalm();
}

TEST_F(TwoGpusJobTest, AllWeightsEndInTheSameBitsAfterAKill) {
  TrainAllWeights();
  RunCalm();
  RunStorm(SIGKILL);

  ASSERT_THAT(cluster_.GetJob("storm").attempts(), SizeIs(2));
  ExpectTheBitsOfCalm();
}

TEST_F(TwoGpusJobTest, AStoppedRankIsNamed) {
  RunCalm();
  RunStorm(SIGSTOP);

  const v1::Job job = cluster_.GetJob("storm");
  ASSERT_THAT(job.attempts(), SizeIs(2));
  EXPECT_EQ(job.attempts(0).end_cause(), v1::Attempt::HANG);
  // The coordinator misses its words about when its peer's collective is late.
  EXPECT_THAT(
      job.attempts(0).end_message(),
      AnyOf(AllOf(HasSubstr("rank 1 (GPU-"), HasSubstr("has said nothing for")),
            AllOf(HasSubstr("rank 0 of 2 has waited 30s for the others"),
                  HasSubstr("rank 1 did not react and was killed"))));
  EXPECT_LT(Noticed(job.attempts(0)), absl::Seconds(45));
  ExpectTheBitsOfCalm();
}

}  // namespace
}  // namespace lockstep::testing
