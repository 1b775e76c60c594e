// The main job, end to end: submit through the command line, train on two real
// ranks over Gloo, get back what Transformers and PEFT load.

#include <filesystem>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string TestData(const std::string& name) {
  return SourceDir() + "/tests/testdata/" + name;
}

double MeanOf(const std::vector<double>& values, size_t begin, size_t count) {
  return std::accumulate(values.begin() + begin, values.begin() + begin + count,
                         0.0) /
         count;
}

// The last `count` losses are below `share` of the first `count`.
void ExpectLossFalls(const std::vector<double>& losses, size_t count,
                     double share) {
  ASSERT_GE(losses.size(), 2 * count);
  EXPECT_LT(MeanOf(losses, losses.size() - count, count),
            share * MeanOf(losses, 0, count));
}

constexpr char kIds[] = "1,5,9,33,20,7,60,11,2";

// The worker's own logits, as the file that check_peft.py compares with.
std::string DumpLogits(const TestCluster& cluster, const std::string& model,
                       const std::string& adapter) {
  std::string file = cluster.Path("logits.safetensors");
  std::vector<std::string> argv = {BinDir() + "/lockstep-worker",
                                   "forward",
                                   "--model",
                                   model,
                                   "--ids",
                                   kIds,
                                   "--output",
                                   file};
  if (!adapter.empty()) {
    argv.push_back("--adapter");
    argv.push_back(adapter);
  }
  const RunResult result = RunProgram(argv);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return file;
}

RunResult CheckWithPeft(std::vector<std::string> args) {
  args.insert(args.begin(),
              {OraclePython(), SourceDir() + "/tests/oracle/check_peft.py"});
  args.insert(args.end(), {"--ids", kIds, "--tol", "1e-4"});
  return RunProgram(args, {{"HF_HUB_OFFLINE", "1"}});
}

std::string LoraJob(const std::string& model, const std::string& data,
                    const std::string& out) {
  return absl::StrCat(R"(apiVersion: lockstep/v1
model: {path: )",
                      model, R"(}
method: {lora: {r: 16, alpha: 32}}
data:
  train: [)",
                      data, R"(]
  max_length: 256
  packing: bfd
train:
  max_steps: 30
  per_device_train_batch_size: 2
  learning_rate: 1.0e-2
  warmup_steps: 2
resources: {device: cpu, ranks: 2}
output_dir: )",
                      out, "\n");
}

TEST(TrainJobTest, LoraOnTwoRanksYieldsAnAdapterThatPeftLoads) {
  TestCluster cluster;
  const std::string model = TestData("models/tiny-llama");
  const std::string out = cluster.Path("out");

  const RunResult run = cluster.SubmitAndWait(
      "lora",
      LoraJob(model, "{path: " + TestData("data/chat.jsonl") + "}", out));

  ASSERT_EQ(run.exit_code, 0) << run.err << cluster.daemon_log();
  const v1::Job job = cluster.GetJob("lora");
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED);
  ASSERT_THAT(job.attempts(), SizeIs(1));
  EXPECT_THAT(job.attempts(0).ranks(), SizeIs(2));
  ExpectLossFalls(cluster.Losses("lora"), 5, 0.9);

  const RunResult merge =
      cluster.Lockstep({"checkpoints", "export", "lora", "--merge", "--output",
                        cluster.Path("merged")});
  ASSERT_EQ(merge.exit_code, 0) << merge.err;
  const RunResult check = CheckWithPeft(
      {"--model", model, "--adapter", out, "--merged", cluster.Path("merged"),
       "--expect", DumpLogits(cluster, model, out)});
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
}

TEST(TrainJobTest, FullFineTuneLoadsInTransformers) {
  TestCluster cluster;
  const std::string out = cluster.Path("out");
  std::string yaml = LoraJob(TestData("models/tiny-qwen2"),
                             "{path: " + TestData("data/pc.jsonl") + "}", out);
  yaml = absl::StrReplaceAll(
      yaml,
      {{"{lora: {r: 16, alpha: 32}}", "{full: {}}"}, {"1.0e-2", "2.0e-3"}});

  const RunResult run = cluster.SubmitAndWait("full", yaml);

  ASSERT_EQ(run.exit_code, 0) << run.err << cluster.daemon_log();
  ExpectLossFalls(cluster.Losses("full"), 5, 0.9);
  const RunResult check =
      CheckWithPeft({"--full", out, "--expect", DumpLogits(cluster, out, "")});
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
}

// A job that evaluates.
std::string JobForTheBoard(const std::string& rate, const std::string& out) {
  return absl::StrReplaceAll(
             LoraJob(TestData("models/tiny-llama"),
                     "{path: " + TestData("data/text.jsonl") + "}", out),
             {{"1.0e-2", rate},
              {"packing: bfd", "packing: bfd\n  eval_fraction: 0.2"}}) +
         "logging: {eval_steps: 10}\n";
}

TEST(TrainJobTest, TensorBoardReadsTheCurves) {
  TestCluster cluster;
  const std::string out = cluster.Path("out");
  const RunResult run =
      cluster.SubmitAndWait("board", JobForTheBoard("1.0e-2", out));
  ASSERT_EQ(run.exit_code, 0) << run.err << cluster.daemon_log();

  constexpr char kTags[] =
      "train/loss,train/learning_rate,train/grad_norm,train/token_accuracy,"
      "perf/step_time_s,eval/loss,eval/token_accuracy,perf/eval_time_s";
  const RunResult check = RunProgram(
      {OraclePython(), SourceDir() + "/tests/oracle/check_tensorboard.py",
       out + "/runs", "--tags", kTags, "--steps", "30", "--text",
       "config=\"learning_rate\": 0.01", "--hparam", "learning_rate=0.01",
       "--hparam", "lora.r=16", "--hparam", "method=\"lora\"", "--hparam",
       "lr_scheduler_type=\"linear\"", "--ended", "yes"});

  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
}

TEST(TrainJobTest, TensorBoardShowsTwoJobsSideBySide) {
  constexpr int kNoBrowser = 77;
  TestCluster cluster;
  std::vector<std::string> losses;
  for (const std::string name : {"fast", "slow"}) {
    const RunResult run = cluster.SubmitAndWait(
        name, JobForTheBoard(name == "fast" ? "1.0e-2" : "1.0e-3",
                             cluster.Path("jobs/" + name)));
    ASSERT_EQ(run.exit_code, 0) << run.err << cluster.daemon_log();
    // What `lockstep metrics` ends with.
    losses.push_back(absl::StrFormat("%.17g", cluster.Losses(name).back()));
  }

  const RunResult check = RunProgram(
      {OraclePython(), SourceDir() + "/tests/oracle/check_tensorboard_page.py",
       cluster.Path("jobs"), "--runs", "fast/runs,slow/runs", "--hparam",
       "learning_rate=0.01,0.001", "--loss", absl::StrJoin(losses, ",")},
      {}, /*timeout_seconds=*/300);

  if (check.exit_code == kNoBrowser) GTEST_SKIP() << check.out;
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
}

TEST(TrainJobTest, TokenizerFilesComeBackByteForByte) {
  TestCluster cluster;
  const std::string model = TestData("models/tiny-llama");
  const std::string out = cluster.Path("out");
  const RunResult run = cluster.SubmitAndWait(
      "bytes",
      LoraJob(model, "{path: " + TestData("data/text.jsonl") + "}", out));
  ASSERT_EQ(run.exit_code, 0) << run.err << cluster.daemon_log();

  for (const char* file : {"tokenizer.json", "tokenizer_config.json"}) {
    EXPECT_EQ(ReadFile(out + "/" + file), ReadFile(model + "/" + file)) << file;
  }
  EXPECT_THAT(ReadFile(out + "/trainer_state.json"),
              HasSubstr("\"global_step\": 30"));
}

TEST(TrainJobTest, Stories260KOnGsm8k) {
  if (TestDataDir().empty()) GTEST_SKIP() << "LOCKSTEP_TEST_DATA is not set";
  TestCluster cluster;
  const std::string model = TestDataDir() + "/models/stories260K-hf";
  const std::string out = cluster.Path("out");
  const std::string data =
      "{path: " + TestDataDir() +
      "/datasets/gsm8k/train.jsonl, columns: {prompt: question, completion: "
      "answer}}";

  // A vocabulary of 512 makes some questions longer than a row.
  const RunResult run = cluster.SubmitAndWait(
      "gsm8k", absl::StrReplaceAll(LoraJob(model, data, out),
                                   {{"max_length: 256",
                                     "max_length: 512\n  truncation: drop"}}));

  ASSERT_EQ(run.exit_code, 0) << run.err << cluster.daemon_log();
  ExpectLossFalls(cluster.Losses("gsm8k"), 5, 0.9);
  const RunResult merge =
      cluster.Lockstep({"checkpoints", "export", "gsm8k", "--merge", "--output",
                        cluster.Path("merged")});
  ASSERT_EQ(merge.exit_code, 0) << merge.err;
  const RunResult check = CheckWithPeft(
      {"--model", model, "--adapter", out, "--merged", cluster.Path("merged"),
       "--expect", DumpLogits(cluster, model, out)});
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
}

}  // namespace
}  // namespace lockstep::testing
