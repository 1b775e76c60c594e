#include "tests/integration/long_run.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace lockstep::testing {

std::string LongJob(const std::string& out, const LongRun& run) {
  const std::string data = SourceDir() + "/tests/testdata/";
  return absl::StrCat(
      "apiVersion: lockstep/v1\nmodel: {path: ",
      run.model.empty() ? data + "models/tiny-llama" : std::string(run.model),
      "}\n", "method: {lora: {r: 8, alpha: 16, dropout: 0.1}}\n",
      "data: {train: [{path: ", data, "data/text.jsonl}], max_length: 64}\n",
      "train:\n  max_steps: ", run.steps,
      R"(
  per_device_train_batch_size: 1
  gradient_accumulation_steps: 2
  learning_rate: 1.0e-3
checkpoint: {save_steps: )",
      run.save_steps, "}\nlogging: {logging_steps: ", run.logging_steps,
      "}\nmax_restarts: ", run.max_restarts,
      "\nresources: {device: cpu, ranks: 2}\noutput_dir: ", out, "\n");
}

void SubmitDetached(TestCluster& cluster, const std::string& name,
                    const std::string& yaml) {
  WriteFile(cluster.Path(name + ".yaml"), yaml);
  const RunResult submit = cluster.Lockstep(
      {"submit", cluster.Path(name + ".yaml"), "--name", name});
  ASSERT_EQ(submit.exit_code, 0) << submit.err;
}

bool TrainedPast(TestCluster& cluster, const std::string& name, int64_t step,
                 int attempt) {
  return cluster.FollowMetrics(name, [&](const v1::MetricPoint& point) {
    return point.step() >= step && (attempt == 0 || point.attempt() == attempt);
  });
}

std::map<int64_t, std::vector<int>> AttemptsOfSteps(TestCluster& cluster,
                                                    const std::string& name) {
  std::map<int64_t, std::vector<int>> attempts;
  cluster.FollowMetrics(name, [&](const v1::MetricPoint& point) {
    const bool trained = point.rank() == 0 && point.values().contains("loss");
    if (trained) attempts[point.step()].push_back(point.attempt());
    return false;
  });
  return attempts;
}

std::string AdapterIn(const std::string& out) {
  return ReadFile(out + "/adapter_model.safetensors");
}

std::string UndisturbedAdapter(const LongRun& run, int timeout_seconds) {
  TestCluster cluster;
  const RunResult result = cluster.SubmitAndWait(
      "calm", LongJob(cluster.Path("calm"), run), timeout_seconds);
  EXPECT_EQ(result.exit_code, 0) << result.err << cluster.daemon_log();
  return AdapterIn(cluster.Path("calm"));
}

}  // namespace lockstep::testing
