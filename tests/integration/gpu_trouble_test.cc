// GPUs that the driver's library shows and CUDA cannot use: where the driver is
// missing or too old, or a GPU has fallen off the bus since.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int kFailed = 10;

TEST(GpuTroubleTest, AGpuThatCudaDoesNotShowEndsTheJobWithWhatToDo) {
  // Where lockstepd looks for the driver's library first.
  const std::string libraries =
      absl::StrCat(::testing::TempDir(), "/nvml-", getpid());
  std::filesystem::create_directories(libraries);
  std::filesystem::create_symlink(LOCKSTEP_FAKE_NVML,
                                  libraries + "/libnvidia-ml.so.1");
  ASSERT_EQ(setenv("LD_LIBRARY_PATH", libraries.c_str(), 1), 0);
  TestCluster cluster(/*cpu_slots=*/1, {"--use-busy-gpus"});

  const RunResult run = cluster.SubmitAndWait(
      "job",
      absl::StrCat("apiVersion: lockstep/v1\nmodel: {path: ", SourceDir(),
                   "/tests/testdata/models/tiny-llama}\nmethod: {full: {}}\n",
                   "data: {train: [{path: ", SourceDir(),
                   "/tests/testdata/data/text.jsonl}], max_length: 64}\n",
                   "train: {max_steps: 2}\nmax_restarts: 0\n",
                   "resources: {device: cuda, ranks: 1}\noutput_dir: ",
                   cluster.Path("out"), "\n"));

  EXPECT_EQ(run.exit_code, kFailed) << run.out << run.err;
  EXPECT_THAT(run.err,
              AllOf(HasSubstr("GPU-fake0: "),
                    AnyOf(HasSubstr("there is no driver for NVIDIA's GPUs"),
                          HasSubstr("this build has no CUDA kernels"),
                          HasSubstr("nvidia-smi -L"))));
  EXPECT_EQ(cluster.GetJob("job").attempts(0).end_cause(),
            v1::Attempt::GPU_FAULT);
  std::filesystem::remove_all(libraries);
}

}  // namespace
}  // namespace lockstep::testing
