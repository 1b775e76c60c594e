// `lockstep plan`, through both programs.

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/integration/process.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class PlanTest : public ::testing::Test {
 protected:
  // Of a job on cuda, with `extra` in its train section.
  RunResult Plan(std::vector<std::string> args, const std::string& extra = "",
                 const std::string& device = "cuda") {
    WriteFile(dir_.Path("job.yaml"),
              "apiVersion: lockstep/v1\n"
              "model: {path: " +
                  SourceDir() +
                  "/tests/testdata/models/tiny-llama}\n"
                  "method: {lora: {r: 4}}\n"
                  "data: {train: [{path: d.jsonl}], max_length: 100}\n"
                  "train: {per_device_train_batch_size: 3" +
                  extra + "}\nresources: {device: " + device +
                  "}\noutput_dir: out\n");
    args.insert(args.begin(),
                {BinDir() + "/lockstep", "plan", dir_.Path("job.yaml")});
    return RunProgram(args);
  }

  ScopedTempDir dir_;
};

TEST_F(PlanTest, ShowsEachWayAndTheOneThatIsTaken) {
  const RunResult run = Plan({"--gpu-memory", "80"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(
      run.out,
      AllOf(HasSubstr("a rank on cuda, micro-batches of up to 300 "
                      "tokens (3 x 100); MiB"),
            HasSubstr("norm_swiglu"), HasSubstr("frozen weights"),
            HasSubstr("most tokens in 81920.0"), HasSubstr("sequences of 100"),
            HasSubstr("it trains with train.recompute: none")));
}

TEST_F(PlanTest, SeveralGpusHaveALineForNccl) {
  const RunResult one = Plan({"--gpu-memory", "80"});
  const RunResult two =
      Plan({"--gpu-memory", "80", "--set", "resources.ranks=2"});

  EXPECT_THAT(one.out, Not(HasSubstr("NCCL")));
  EXPECT_EQ(two.exit_code, 0) << two.err;
  EXPECT_THAT(two.out, HasSubstr("NCCL (an estimate)"));
}

TEST_F(PlanTest, JsonHasTheSameNumbers) {
  const RunResult run = Plan({"--gpu-memory", "80", "-o", "json"});

  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json plan = Json::parse(run.out);
  EXPECT_EQ(plan["device"], "cuda");
  EXPECT_EQ(plan["tokens"], 300);
  EXPECT_EQ(plan["recompute"], "none");
  ASSERT_EQ(plan["ways"].size(), 3);
  for (const Json& way : plan["ways"]) {
    int64_t sum = 0;
    for (const Json& line : way["lines"]) sum += line["bytes"].get<int64_t>();
    EXPECT_EQ(way["total_bytes"], sum);
    EXPECT_GT(way["most_tokens"], 300);
  }
}

TEST_F(PlanTest, AJobThatDoesNotFitIsShownAndSaidSo) {
  const RunResult run = Plan({"--gpu-memory", "0.25"});

  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.out, AllOf(HasSubstr("most tokens in 256.0"),
                             Not(HasSubstr("it trains"))));
  EXPECT_THAT(run.err, HasSubstr("train.recompute: block, and there are 0.2"));
}

TEST_F(PlanTest, OnTheCpuNoLimitIsKnown) {
  const RunResult run =
      Plan({"--gpu-memory", "80"}, ", gradient_checkpointing: true", "cpu");

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out,
              AllOf(HasSubstr("a rank on cpu"), Not(HasSubstr("most tokens")),
                    HasSubstr("it trains with train.recompute: block")));
}

TEST_F(PlanTest, WithoutAGpuItDoesNotSayWhatWouldBe) {
  const RunResult run = Plan({});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("no GPU here: --gpu-memory says"),
                             Not(HasSubstr("it trains"))));
}

TEST_F(PlanTest, WhatIsNotBuiltIsSaid) {
  const std::string config =
      ReadFile(SourceDir() + "/tests/testdata/models/tiny-llama/config.json");
  WriteFile(dir_.Path("config.json"),
            absl::StrReplaceAll(config, {{"\"intermediate_size\": 96",
                                          "\"intermediate_size\": 90"}}));

  const RunResult run =
      Plan({"--gpu-memory", "80", "--set", "method.lora.base_dtype=fp8",
            "--set", "model.path=" + dir_.path()});

  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err,
              HasSubstr("fp8 wants sides that are multiples of 16; "
                        "mlp.gate_proj, with what is fused with it, is "
                        "180 x 64"));
}

TEST_F(PlanTest, ABadFileIsRefusedBeforeTheWorkerSeesIt) {
  const RunResult run = Plan({}, ", recompute: everything");

  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, AllOf(HasSubstr("recompute"),
                             HasSubstr("none, norm_swiglu, block")));
}

}  // namespace
}  // namespace lockstep::testing
