// What it costs a job to be watched, and how old a point is when a watcher has
// it: make bench-telemetry.
//
// Two ranks train the same steps twice in turns: once with all that tells of
// them (a log entry a step with spans of both ranks, TensorBoard, a watcher of
// the metrics), once with an entry in a hundred steps and nobody who looks. The
// time of a step is that between the first and the last of those entries, by
// the rank's clock. Two such runs differ by more than what is looked for, so
// there are many, and the mean comes with its standard error.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

constexpr int kRounds = 10;
constexpr int kSteps = 600;
constexpr int kFirst = 100;

absl::Time TimeOf(const v1::MetricPoint& point) {
  return absl::FromUnixSeconds(point.time().seconds()) +
         absl::Nanoseconds(point.time().nanos());
}

// The pretrained one where it is; else a random one of its shape.
std::string ModelFolder(TestCluster& cluster) {
  if (!TestDataDir().empty()) return TestDataDir() + "/models/stories260K-hf";
  const std::string folder = cluster.Path("model");
  const RunResult made = RunProgram(
      {BinDir() + "/lockstep-worker", "init-model", "--hidden-size", "64",
       "--layers", "5", "--heads", "8", "--kv-heads", "4",
       "--intermediate-size", "172", "--tokenizer",
       SourceDir() + "/tests/testdata/models/tiny-llama", "--output", folder});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  return folder;
}

std::string JobFile(const std::string& model, const std::string& out,
                    bool watched) {
  return absl::StrCat(
      "apiVersion: lockstep/v1\nmodel: {path: ", model,
      "}\nmethod: {lora: {r: 16}}\ndata:\n  train: [{path: ", SourceDir(),
      "/tests/testdata/data/text.jsonl}]\n  max_length: 256\n  packing: bfd\n"
      "train: {max_steps: ",
      kSteps,
      ", per_device_train_batch_size: 4}\n"
      "checkpoint: {save_steps: 0}\n"
      "resources: {device: cpu, ranks: 2}\nlogging: {logging_steps: ",
      watched ? 1 : kFirst, ", tensorboard: ", watched ? "true" : "false",
      "}\noutput_dir: ", out, "\n");
}

class Telemetry {
 public:
  Telemetry() : model_(ModelFolder(cluster_)) {}

  // Seconds a step.
  double Train(int round, bool watched) {
    const std::string name = absl::StrCat(watched ? "loud" : "still", round);
    WriteFile(cluster_.Path(name + ".yaml"),
              JobFile(model_, cluster_.Path(name), watched));
    const RunResult submitted = cluster_.Lockstep(
        {"submit", cluster_.Path(name + ".yaml"), "--name", name});
    EXPECT_EQ(submitted.exit_code, 0) << submitted.err;
    std::thread watcher;
    if (watched) watcher = std::thread([this, name] { Watch(name); });
    const RunResult waited = cluster_.Lockstep({"wait", name}, 600);
    EXPECT_EQ(waited.exit_code, 0) << waited.err;
    if (watcher.joinable()) watcher.join();
    absl::Time first, last;
    cluster_.FollowMetrics(name, [&](const v1::MetricPoint& point) {
      if (point.rank() != 0 || !point.values().contains("loss")) return false;
      if (point.step() == kFirst) first = TimeOf(point);
      if (point.step() == kSteps) last = TimeOf(point);
      return false;
    });
    return absl::ToDoubleSeconds(last - first) / (kSteps - kFirst);
  }

  // Of all points, oldest first by age.
  std::vector<double> Ages() {
    std::sort(ages_.begin(), ages_.end());
    return ages_;
  }

 private:
  void Watch(const std::string& name) {
    cluster_.FollowMetrics(name, [this](const v1::MetricPoint& point) {
      ages_.push_back(absl::ToDoubleMilliseconds(absl::Now() - TimeOf(point)));
      return false;
    });
  }

  TestCluster cluster_;
  const std::string model_;
  std::vector<double> ages_;
};

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) /
         static_cast<double>(values.size());
}

// Of the mean.
double StandardError(const std::vector<double>& values) {
  const double mean = Mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const auto count = static_cast<double>(values.size());
  return std::sqrt(squares / (count - 1) / count);
}

TEST(TelemetryBenchmark, CostsLittleAndIsSoonThere) {
  Telemetry telemetry;
  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    const double still = telemetry.Train(round, /*watched=*/false);
    const double loud = telemetry.Train(round, /*watched=*/true);
    std::printf("round %d: %.3f ms a step, told of %.3f ms: %+.2f%%\n",
                round + 1, 1e3 * still, 1e3 * loud, 100 * (loud / still - 1));
    std::fflush(stdout);
    ratios.push_back(loud / still);
  }
  const std::vector<double> ages = telemetry.Ages();
  std::printf(
      "a point reaches a watcher after %.0f ms (median), %.0f ms (99th "
      "percentile of %zu), must be 250 ms\n",
      ages[ages.size() / 2], ages[ages.size() * 99 / 100], ages.size());
  std::printf("overhead: %+.2f%% (mean of %d, +-%.2f%%), must be 1%%\n",
              100 * (Mean(ratios) - 1), kRounds, 100 * StandardError(ratios));
}

}  // namespace
}  // namespace lockstep::testing
