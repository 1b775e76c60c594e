// A LoRA job on a GPU, end to end: it trains along the CPU's loss curve, and
// ends in the same bits when its worker dies.

#include <signal.h>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/gpu_jobs.h"
#include "tests/integration/long_run.h"

namespace lockstep::testing {
namespace {

using ::testing::SizeIs;

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

}  // namespace
}  // namespace lockstep::testing
