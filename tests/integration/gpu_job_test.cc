// A LoRA job on a GPU, end to end: it trains along the CPU's loss curve, and
// ends in the same bits when its worker dies.

#include <signal.h>

#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

using ::testing::SizeIs;

constexpr int kSteps = 200;

// A random model with heads of 64, and the tokenizer of the fixtures.
std::string MakeModel(const TestCluster& cluster) {
  const std::string tokenizer =
      SourceDir() + "/tests/testdata/models/tiny-llama";
  const RunResult made = RunProgram({BinDir() + "/lockstep-worker",
                                     "init-model",
                                     "--architecture",
                                     "llama",
                                     "--hidden-size",
                                     "256",
                                     "--layers",
                                     "4",
                                     "--heads",
                                     "4",
                                     "--kv-heads",
                                     "2",
                                     "--intermediate-size",
                                     "512",
                                     "--seed",
                                     "1",
                                     "--tokenizer",
                                     tokenizer,
                                     "--output",
                                     cluster.Path("model")});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  return cluster.Path("model");
}

std::string Job(const std::string& model, const std::string& device,
                const std::string& out) {
  return absl::StrCat("apiVersion: lockstep/v1\nmodel: {path: ", model, "}\n",
                      "method: {lora: {r: 16, alpha: 32}}\n",
                      "data: {train: [{path: ", SourceDir(),
                      "/tests/testdata/data/text.jsonl}], max_length: 128}\n",
                      "train:\n  max_steps: ", kSteps, R"(
  per_device_train_batch_size: 4
  learning_rate: 3.0e-3
checkpoint: {save_steps: 50}
resources: {device: )",
                      device, "}\noutput_dir: ", out, "\n");
}

double MeanOf(const std::vector<double>& values, int begin, int count) {
  return std::accumulate(values.begin() + begin, values.begin() + begin + count,
                         0.0) /
         count;
}

TEST(GpuJobTest, TrainsAlongTheCpusLossCurve) {
  TestCluster cluster;
  const std::string model = MakeModel(cluster);

  const RunResult cpu =
      cluster.SubmitAndWait("cpu", Job(model, "cpu", cluster.Path("cpu")), 600);
  const RunResult gpu = cluster.SubmitAndWait(
      "gpu", Job(model, "cuda", cluster.Path("gpu")), 600);

  ASSERT_EQ(cpu.exit_code, 0) << cpu.err << cluster.daemon_log();
  ASSERT_EQ(gpu.exit_code, 0) << gpu.err << cluster.daemon_log();
  const v1::Job job = cluster.GetJob("gpu");
  ASSERT_THAT(job.attempts(), SizeIs(1));
  EXPECT_TRUE(absl::StartsWith(job.attempts(0).ranks(0).device(), "GPU-"));
  const std::vector<double> expected = cluster.Losses("cpu");
  const std::vector<double> losses = cluster.Losses("gpu");
  ASSERT_THAT(losses, SizeIs(kSteps));
  // A step may differ by some percent where the loss falls fast.
  constexpr int kWindow = 20;
  for (int begin = 0; begin < kSteps; begin += kWindow) {
    EXPECT_NEAR(
        MeanOf(losses, begin, kWindow) / MeanOf(expected, begin, kWindow), 1,
        0.03)
        << "steps from " << begin + 1;
  }
  EXPECT_LT(MeanOf(losses, kSteps - kWindow, kWindow),
            0.5 * MeanOf(losses, 0, kWindow));
}

TEST(GpuJobTest, AKilledWorkersRunEndsInTheSameBits) {
  TestCluster cluster;
  const std::string model = MakeModel(cluster);
  const RunResult calm =
      cluster.SubmitAndWait("calm", Job(model, "cuda", cluster.Path("calm")));
  ASSERT_EQ(calm.exit_code, 0) << calm.err << cluster.daemon_log();

  WriteFile(cluster.Path("storm.yaml"),
            Job(model, "auto", cluster.Path("storm")));
  const RunResult submit = cluster.Lockstep(
      {"submit", cluster.Path("storm.yaml"), "--name", "storm"});
  ASSERT_EQ(submit.exit_code, 0) << submit.err;
  ASSERT_TRUE(cluster.FollowMetrics("storm", [](const v1::MetricPoint& point) {
    return point.step() >= 70;
  }));
  const v1::Job running = cluster.GetJob("storm");
  ASSERT_EQ(kill(running.attempts(0).ranks(0).pid(), SIGKILL), 0);
  const RunResult wait = cluster.Lockstep({"wait", "storm"});

  ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster.daemon_log();
  const v1::Job job = cluster.GetJob("storm");
  ASSERT_THAT(job.attempts(), SizeIs(2));
  EXPECT_GE(job.attempts(1).resume_step(), 50);
  const std::string adapter = "/adapter_model.safetensors";
  EXPECT_EQ(ReadFile(cluster.Path("calm") + adapter),
            ReadFile(cluster.Path("storm") + adapter));
}

}  // namespace
}  // namespace lockstep::testing
