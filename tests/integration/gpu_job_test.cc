// Jobs on a GPU, end to end: LoRA trains along the CPU's loss curve and ends in
// the same bits when its worker dies; full fine-tuning; a base in FP8.

#include <signal.h>

#include <filesystem>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/gpu_jobs.h"
#include "tests/integration/long_run.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// The bytes of a job's TensorBoard files; tags stand in them as they are.
std::string BoardOf(const std::string& output_dir) {
  std::string bytes;
  for (const auto& file :
       std::filesystem::directory_iterator(output_dir + "/runs")) {
    bytes += ReadFile(file.path());
  }
  return bytes;
}

TEST(GpuJobTest, TrainsAlongTheCpusLossCurve) {
  TestCluster cluster;
  const std::string model = MakeGpuModel(cluster);

  for (const char* device : {"cpu", "cuda"}) {
    const RunResult run = cluster.SubmitAndWait(
        device, GpuJobYaml({model, device, cluster.Path(device)}), 600);
    ASSERT_EQ(run.exit_code, 0) << run.err << cluster.daemon_log();
  }
  const v1::Job job = cluster.GetJob("cuda");
  ASSERT_THAT(job.attempts(), SizeIs(1));
  EXPECT_TRUE(absl::StartsWith(job.attempts(0).ranks(0).device(), "GPU-"));
  ExpectSameLossCurve(cluster.Losses("cuda"), cluster.Losses("cpu"), 0.03);
  EXPECT_THAT(
      BoardOf(cluster.Path("cuda")),
      AllOf(HasSubstr("gpu/0/memory_gib"), HasSubstr("gpu/0/memory_peak_gib")));
}

TEST(GpuJobTest, AKilledWorkersRunEndsInTheSameBits) {
  TestCluster cluster;
  const std::string model = MakeGpuModel(cluster);
  const RunResult calm = cluster.SubmitAndWait(
      "calm", GpuJobYaml({model, "cuda", cluster.Path("calm")}));
  ASSERT_EQ(calm.exit_code, 0) << calm.err << cluster.daemon_log();

  SubmitDetached(cluster, "storm",
                 GpuJobYaml({model, "auto", cluster.Path("storm")}));
  ASSERT_TRUE(TrainedPast(cluster, "storm", kGpuJobSaveSteps + 20));
  const v1::Job running = cluster.GetJob("storm");
  ASSERT_EQ(kill(running.attempts(0).ranks(0).pid(), SIGKILL), 0);
  const RunResult wait = cluster.Lockstep({"wait", "storm"});

  ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster.daemon_log();
  const v1::Job job = cluster.GetJob("storm");
  ASSERT_THAT(job.attempts(), SizeIs(2));
  EXPECT_GE(job.attempts(1).resume_step(), kGpuJobSaveSteps);
  EXPECT_EQ(AdapterIn(cluster.Path("calm")), AdapterIn(cluster.Path("storm")));
}

double MeanOfLast(const std::vector<double>& losses, int count) {
  return std::accumulate(losses.end() - count, losses.end(), 0.0) / count;
}

// On a model that has learned something, as all that are fine-tuned have.
TEST(GpuJobTest, AnFp8BaseLearnsWhatABFloat16OneDoes) {
  TestCluster cluster;
  const RunResult full = cluster.SubmitAndWait(
      "full", GpuJobYaml({.model = MakeGpuModel(cluster),
                          .device = "cuda",
                          .output_dir = cluster.Path("full"),
                          .method = "{full: {}}",
                          .learning_rate = "1.0e-3"}));
  ASSERT_EQ(full.exit_code, 0) << full.err << cluster.daemon_log();
  const double learned = MeanOfLast(cluster.Losses("full"), 20);
  EXPECT_LT(learned, 0.8 * cluster.Losses("full").front());

  for (const std::string base : {"bf16", "fp8"}) {
    const std::string dtype = base == "fp8" ? ", base_dtype: fp8" : "";
    const RunResult run = cluster.SubmitAndWait(
        base,
        GpuJobYaml({.model = cluster.Path("full"),
                    .device = "cuda",
                    .output_dir = cluster.Path(base),
                    .method = "{lora: {r: 16, alpha: 32" + dtype + "}}"}));
    ASSERT_EQ(run.exit_code, 0) << run.err << cluster.daemon_log();
  }
  const double bfloat16 = MeanOfLast(cluster.Losses("bf16"), 20);
  const double fp8 = MeanOfLast(cluster.Losses("fp8"), 20);
  std::cout << "loss of the last 20 of 200 steps: bf16 " << bfloat16 << ", fp8 "
            << fp8 << "\n";
  EXPECT_LT(bfloat16, learned);
  EXPECT_NEAR(fp8 / bfloat16, 1, 0.03);
}

}  // namespace
}  // namespace lockstep::testing
