#include "tests/integration/gpu_jobs.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::testing {
namespace {

double MeanOf(const std::vector<double>& values, int begin, int count) {
  return std::accumulate(values.begin() + begin, values.begin() + begin + count,
                         0.0) /
         count;
}

// With the tokenizer of the fixtures.
std::string MakeModel(const std::string& model, bool tied) {
  std::vector<std::string> command = {
      BinDir() + "/lockstep-worker",
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
      SourceDir() + "/tests/testdata/models/tiny-llama",
      "--output",
      model};
  if (tied) command.emplace_back("--tie-word-embeddings");
  const RunResult made = RunProgram(command);
  EXPECT_EQ(made.exit_code, 0) << made.err;
  return model;
}

}  // namespace

std::string MakeGpuModel(const TestCluster& cluster) {
  return MakeModel(cluster.Path("model"), /*tied=*/false);
}

std::string MakeTiedGpuModel(const TestCluster& cluster) {
  return MakeModel(cluster.Path("tied-model"), /*tied=*/true);
}

std::string GpuJobYaml(const GpuJob& job) {
  return absl::StrCat(
      "apiVersion: lockstep/v1\nmodel: {path: ", job.model, "}\n",
      "method: ", job.method, "\n", "data: {train: [{path: ", SourceDir(),
      "/tests/testdata/data/text.jsonl}], max_length: 128}\n",
      "train: {max_steps: ", kGpuJobSteps,
      ", per_device_train_batch_size: ", job.batch_size,
      ", gradient_accumulation_steps: ", job.accumulation,
      ", learning_rate: ", job.learning_rate, "}\n",
      "checkpoint: {save_steps: ", kGpuJobSaveSteps, "}\n",
      "resources: {device: ", job.device, ", ranks: ", job.ranks, "}\n",
      "output_dir: ", job.output_dir, "\n");
}

void ExpectSameLossCurve(const std::vector<double>& losses,
                         const std::vector<double>& expected,
                         double tolerance) {
  ASSERT_THAT(losses, ::testing::SizeIs(kGpuJobSteps));
  ASSERT_THAT(expected, ::testing::SizeIs(kGpuJobSteps));
  constexpr int kWindow = 20;
  for (int begin = 0; begin < kGpuJobSteps; begin += kWindow) {
    EXPECT_NEAR(
        MeanOf(losses, begin, kWindow) / MeanOf(expected, begin, kWindow), 1,
        tolerance)
        << "steps from " << begin + 1;
  }
  EXPECT_LT(MeanOf(losses, kGpuJobSteps - kWindow, kWindow),
            0.5 * MeanOf(losses, 0, kWindow));
}

}  // namespace lockstep::testing
