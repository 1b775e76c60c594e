// Where the time of a job's ranks goes, and how what they say is found again:
// spans, traces and times in logs, through lockstepd.

#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";

std::string JobFile(const TestCluster& cluster) {
  const std::string data = SourceDir() + "/tests/testdata/";
  return absl::StrCat(R"(apiVersion: lockstep/v1
model: {path: )",
                      data, R"(models/tiny-llama}
method: {lora: {r: 4}}
data:
  train: [{path: )",
                      data, R"(data/text.jsonl}]
  max_length: 64
train:
  max_steps: 12
  per_device_train_batch_size: 2
  gradient_accumulation_steps: 2
checkpoint: {save_steps: 6}
logging: {logging_steps: 2}
resources: {device: cpu, ranks: 2}
output_dir: )",
                      cluster.Path("out"), "\n");
}

class TraceJobTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteFile(cluster_.Path("job.yaml"), JobFile(cluster_));
    const RunResult run =
        RunProgram({BinDir() + "/lockstep", "submit", cluster_.Path("job.yaml"),
                    "--name", "traced", "--wait"},
                   {{"LOCKSTEP_SERVER", cluster_.address()},
                    {"TRACEPARENT",
                     absl::StrCat("00-", kTraceId, "-00f067aa0ba902b7-01")}});
    ASSERT_EQ(run.exit_code, 0) << run.err << cluster_.daemon_log();
  }

  // What the points of a rank say of all its steps; each tells the mean of two.
  double SumOfSteps(int rank, const std::string& key) {
    const RunResult run =
        cluster_.Lockstep({"metrics", "traced", "--rank", absl::StrCat(rank),
                           "--key", key, "-o", "json"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    double sum = 0;
    for (const auto line : absl::StrSplit(run.out, '\n', absl::SkipEmpty())) {
      const auto point = nlohmann::json::parse(line);
      if (!point["values"].contains(key)) continue;
      sum += 2 * point["values"][key].get<double>();
    }
    return sum;
  }

  TestCluster cluster_;
};

TEST_F(TraceJobTest, ARangeOfStepsIsDrawnWithBothRanks) {
  const RunResult run =
      cluster_.Lockstep({"trace", "traced", "--steps", "5-7", "-o", "-"});

  ASSERT_EQ(run.exit_code, 0) << run.err;
  std::map<std::pair<int, std::string>, int> slices;
  std::set<int> steps;
  const auto trace = nlohmann::json::parse(run.out);
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    ++slices[{event["tid"], event["name"]}];
    steps.insert(event["args"]["step"].get<int>());
  }
  EXPECT_EQ(steps, (std::set<int>{5, 6, 7}));
  for (const int rank : {0, 1}) {
    // Two micro-batches a step.
    EXPECT_EQ((slices[{rank, "forward"}]), 6) << rank;
    EXPECT_EQ((slices[{rank, "backward"}]), 6) << rank;
    EXPECT_EQ((slices[{rank, "comm"}]), 3) << rank;
    EXPECT_EQ((slices[{rank, "optimizer"}]), 3) << rank;
    EXPECT_EQ((slices[{rank, "checkpoint"}]), 1) << rank;
    EXPECT_EQ((slices[{rank, "step 6"}]), 1) << rank;
  }
}

// Of a job that is drawn for Perfetto: what check_trace.py finds in the file.
TEST_F(TraceJobTest, ATraceIsWhatPerfettoReads) {
  const std::string path = cluster_.Path("t.json");
  ASSERT_EQ(
      cluster_.Lockstep({"trace", "traced", "--steps", "1-12", "-o", path})
          .exit_code,
      0);

  const RunResult check =
      RunProgram({ChecksPython(),
                  SourceDir() + "/tests/integration/check_trace.py", path});

  ASSERT_EQ(check.exit_code, 0) << check.out << check.err;
  const auto found = nlohmann::json::parse(check.out);
  ASSERT_EQ(found.size(), 1u) << found;
  const auto& ranks = found["traced attempt 1"];
  ASSERT_EQ(ranks.size(), 2u) << found;
  const std::string node =
      cluster_.GetJob("traced").attempts(0).ranks(0).node();
  for (const int rank : {0, 1}) {
    const auto& slices =
        ranks[absl::StrCat("rank ", rank, " (cpu:", rank, " on ", node, ")")];
    ASSERT_FALSE(slices.is_null()) << found;
    EXPECT_EQ(slices["forward"][0], 24);
    EXPECT_EQ(slices["optimizer"][0], 12);
    for (int step = 1; step <= 12; ++step) {
      EXPECT_EQ(slices[absl::StrCat("step ", step)][0], 1) << step;
    }
    EXPECT_NEAR(slices["forward"][1].get<double>() / 1e6,
                SumOfSteps(rank, "forward_seconds"),
                0.01 * SumOfSteps(rank, "forward_seconds") + 1e-4);
  }
}

// And that the check can fail.
TEST_F(TraceJobTest, ATraceThatIsBentIsNotPerfettos) {
  const RunResult run =
      cluster_.Lockstep({"trace", "traced", "--steps", "5-7", "-o", "-"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto bend = [&](auto change) {
    auto trace = nlohmann::json::parse(run.out);
    for (auto& event : trace["traceEvents"]) change(event);
    const std::string path = cluster_.Path("bent.json");
    WriteFile(path, trace.dump());
    return RunProgram({ChecksPython(),
                       SourceDir() + "/tests/integration/check_trace.py",
                       path});
  };
  EXPECT_EQ(bend([](nlohmann::json&) {}).exit_code, 0);
  const RunResult no_time =
      bend([](nlohmann::json& event) { event.erase("ts"); });
  EXPECT_EQ(no_time.exit_code, 1);
  EXPECT_THAT(no_time.out, HasSubstr("check_trace: FAILED data.traceEvents["));
  EXPECT_THAT(bend([](nlohmann::json& event) {
                if (event["name"] == "thread_name")
                  event["tid"] = 7 + event["tid"].get<int>();
              }).out,
              HasSubstr("have no names"));
  EXPECT_THAT(bend([](nlohmann::json& event) {
                if (event["name"] == "optimizer") event["dur"] = 1'000'000'000;
              }).out,
              HasSubstr("overlaps"));
  EXPECT_THAT(bend([](nlohmann::json& event) {
                if (event["name"] == "step 6") event["ts"] = 1'000'000'000;
              }).out,
              HasSubstr("is in no step"));
}

TEST_F(TraceJobTest, TheLastStepHasItsCheckpointToo) {
  const RunResult run =
      cluster_.Lockstep({"trace", "traced", "--steps", "12", "-o", "-"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out,
              HasSubstr("\"name\":\"checkpoint\",\"pid\":1,\"tid\":0"));
  EXPECT_THAT(cluster_.Lockstep({"metrics", "traced", "--steps", "12"}).out,
              HasSubstr("checkpoint_seconds"));
}

TEST_F(TraceJobTest, TheTimesOfAStepAddUpToIt) {
  const RunResult run = cluster_.Lockstep(
      {"metrics", "traced", "--rank", "0", "--steps", "10", "-o", "json"});

  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto values =
      nlohmann::json::parse(run.out.substr(0, run.out.find('\n')))["values"];
  double sum = 0;
  for (const char* key : {"data_seconds", "forward_seconds", "backward_seconds",
                          "comm_seconds", "optimizer_seconds"}) {
    sum += values[key].get<double>();
  }
  EXPECT_NEAR(sum, values["step_seconds"].get<double>(),
              0.05 * values["step_seconds"].get<double>() + 1e-4);
  EXPECT_GT(values["flops"].get<double>(), 0);
  EXPECT_FALSE(values.contains("mfu"));
}

TEST_F(TraceJobTest, DescribeSaysHowTheRanksCompare) {
  const RunResult run = cluster_.Lockstep({"jobs", "describe", "traced"});
  EXPECT_THAT(run.out, HasSubstr("ranks: time of a step\n"));
  EXPECT_THAT(run.out, AllOf(HasSubstr("\n  0 "), HasSubstr("\n  1 ")));
}

TEST_F(TraceJobTest, LinesOfTheLogHaveATimeAndTheFirstTheTrace) {
  const RunResult all = cluster_.Lockstep({"logs", "traced", "--rank", "1"});

  ASSERT_EQ(all.exit_code, 0) << all.err;
  const std::vector<std::string> lines =
      absl::StrSplit(absl::StripSuffix(all.out, "\n"), '\n');
  EXPECT_THAT(lines,
              Each(MatchesRegex("[-0-9]*T[:0-9]*[.][0-9][0-9][0-9]Z .*")));
  EXPECT_THAT(
      lines[0],
      MatchesRegex(absl::StrCat(
          ".*Z jobs/traced attempt 1 rank 1 of 2 on cpu:1, trace ", kTraceId)));
  // Not even the first line is older than the last one's time a day before.
  const std::string first(lines[0].substr(0, lines[0].find(' ')));
  EXPECT_THAT(
      cluster_.Lockstep({"logs", "traced", "--rank", "1", "--since", first})
          .out,
      Eq(all.out));
  EXPECT_EQ(cluster_
                .Lockstep({"logs", "traced", "--rank", "1", "--since",
                           "2100-01-01T00:00:00Z"})
                .out,
            "");
}

}  // namespace
}  // namespace lockstep::testing
