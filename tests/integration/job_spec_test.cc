// What a job file may ask for, asked of the whole service: each test reads in
// the result, the plan or the curves that it was done.

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

std::string TestData(const std::string& name) {
  return SourceDir() + "/tests/testdata/" + name;
}

class JobSpecTest : public ::testing::Test {
 protected:
  // Runs a job whose sections read as given, to its end.
  void MustRun(const std::string& name, const std::string& sections) {
    const RunResult run = cluster_.SubmitAndWait(
        name, absl::StrCat("apiVersion: lockstep/v1\n", sections,
                           "\noutput_dir: ", cluster_.Path(name), "\n"));
    ASSERT_EQ(run.exit_code, 0) << run.err << cluster_.daemon_log();
  }

  // The points that have `key`, by step.
  std::map<int64_t, double> Curve(const std::string& job,
                                  const std::string& key) {
    std::map<int64_t, double> curve;
    cluster_.FollowMetrics(job, [&](const v1::MetricPoint& point) {
      const auto value = point.values().find(key);
      if (value != point.values().end()) curve[point.step()] = value->second;
      return false;
    });
    return curve;
  }

  // The logits of a model, or of a model with an adapter, byte for byte.
  std::string Logits(const std::string& model, const std::string& adapter) {
    const std::string file = cluster_.Path("logits.safetensors");
    const RunResult run = RunProgram(
        {BinDir() + "/lockstep-worker", "forward", "--model", model,
         "--adapter", adapter, "--ids", "1,5,9,33,20", "--output", file});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return ReadFile(file);
  }

  TestCluster cluster_;
};

struct StartCase {
  std::string model;
  std::string adapter;
  std::string lora;
};

class StartFromAdapterTest : public JobSpecTest,
                             public ::testing::WithParamInterface<StartCase> {};

// At a learning rate that moves nothing the result is what was started from.
TEST_P(StartFromAdapterTest, TrainingGoesOnFromItsWeights) {
  const std::string model = TestData("models/" + GetParam().model);
  const std::string adapter = TestData("adapters/" + GetParam().adapter);

  MustRun("job",
          absl::StrCat("model: {path: ", model, ", adapter: ", adapter,
                       "}\nmethod: {lora: ", GetParam().lora,
                       "}\ndata: {train: [{path: ", TestData("data/chat.jsonl"),
                       "}], max_length: 128}\n"
                       "train: {max_steps: 2, learning_rate: 1.0e-30}\n"
                       "resources: {device: cpu, ranks: 2}"));

  EXPECT_EQ(Logits(model, cluster_.Path("job")), Logits(model, adapter));
}

INSTANTIATE_TEST_SUITE_P(
    Families, StartFromAdapterTest,
    ::testing::Values(StartCase{"tiny-llama", "tiny-llama-r8", "{r: 8}"},
                      StartCase{"tiny-qwen2", "tiny-qwen2-r8-rs",
                                "{r: 8, alpha: 16, use_rslora: true}"}),
    [](const auto& info) {
      return info.param.model == "tiny-llama" ? "Llama" : "Qwen2";
    });

// As huggingface_hub lays a model out: files are links into blobs.
std::string MakeHubCache(const std::string& home, const std::string& model) {
  const fs::path folder = home + "/hub/models--org--tiny";
  std::string commit(40, 'c');
  fs::create_directories(folder / "blobs");
  fs::create_directories(folder / "refs");
  fs::create_directories(folder / "snapshots" / commit);
  WriteFile(folder / "refs" / "main", commit);
  int blob = 0;
  for (const auto& entry : fs::directory_iterator(model)) {
    const std::string name = absl::StrCat("b10b", ++blob);
    fs::copy_file(entry.path(), folder / "blobs" / name);
    fs::create_symlink("../../blobs/" + name,
                       folder / "snapshots" / commit / entry.path().filename());
  }
  return commit;
}

TEST_F(JobSpecTest, AModelOfTheHuggingFaceCacheIsNamedByItsId) {
  const std::string commit =
      MakeHubCache(cluster_.Path("hf"), TestData("models/tiny-llama"));
  setenv("HF_HOME", cluster_.Path("hf").c_str(), 1);

  MustRun("job",
          absl::StrCat("model: {path: org/tiny}\nmethod: {lora: {r: 4}}\n"
                       "data: {train: [{path: ",
                       TestData("data/text.jsonl"),
                       "}], max_length: 64}\ntrain: {max_steps: 1}\n"
                       "resources: {device: cpu, ranks: 1}"));
  unsetenv("HF_HOME");

  EXPECT_THAT(cluster_.GetJob("job").spec().model().path(),
              HasSubstr("/models--org--tiny/snapshots/" + commit));
  EXPECT_THAT(ReadFile(cluster_.Path("job/adapter_config.json")),
              AllOf(HasSubstr("\"base_model_name_or_path\": \"org/tiny\""),
                    HasSubstr("\"revision\": \"" + commit)));
}

TEST_F(JobSpecTest, ColumnsArraysLinesAndShapesMixInOneJob) {
  MustRun("job",
          absl::StrCat(
              "model: {path: ", TestData("models/tiny-qwen2"),
              "}\nmethod: {lora: {r: 4, target_modules: [q_proj, v_proj]}}\n"
              "data:\n  train:\n    - {path: ",
              TestData("data/array.json"),
              ", columns: {prompt: question, completion: answer}}\n"
              "    - {path: ",
              TestData("data/chat.jsonl"),
              "}\n    - {path: ", TestData("data/text.jsonl"),
              "}\n  max_length: 256\n  packing: bfd\n"
              "train: {max_steps: 1}\nresources: {device: cpu, ranks: 2}"));

  const v1::Plan plan = cluster_.GetJob("job").plan();
  EXPECT_EQ(plan.data_format(), "prompt_completion,messages,text");
  // This template marks nothing, so what the assistant says is found by prefix.
  EXPECT_EQ(plan.mask_source(), "completion,prefix,all");
  EXPECT_EQ(plan.rows(), 28 * 3);
  EXPECT_THAT(ReadFile(cluster_.Path("job/adapter_config.json")),
              AllOf(HasSubstr("q_proj"), HasSubstr("v_proj"),
                    ::testing::Not(HasSubstr("k_proj"))));
}

TEST_F(JobSpecTest, PromptsMayBeMessagesAndATemplateMayMarkItsAnswers) {
  WriteFile(cluster_.Path("rows.jsonl"),
            R"({"prompt": [{"role": "user", "content": "2 plus 2?"}], )"
            R"("completion": [{"role": "assistant", "content": "It is 4."}]})"
            "\n");
  MustRun("job", absl::StrCat("model: {path: ", TestData("models/tiny-llama"),
                              "}\nmethod: {full: {}}\ndata: {train: [{path: ",
                              cluster_.Path("rows.jsonl"),
                              "}, {path: ", TestData("data/chat.jsonl"),
                              "}], max_length: 128}\ntrain: {max_steps: 1}\n"
                              "resources: {device: cpu, ranks: 1}"));

  const v1::Plan plan = cluster_.GetJob("job").plan();
  EXPECT_EQ(plan.data_format(), "prompt_completion,messages");
  EXPECT_THAT(plan.mask_source(), HasSubstr("generation"));
}

TEST_F(JobSpecTest, HalfAnEpochIsEvaluatedAtItsStepsAndAtTheEnd) {
  MustRun("job",
          absl::StrCat(
              "model: {path: ", TestData("models/tiny-llama"),
              "}\nmethod: {lora: {r: 4, dropout: 0.1}}\ndata: {train: [{path: ",
              TestData("data/pc.jsonl"),
              "}], eval: {path: ", TestData("data/text.jsonl"),
              "}, max_length: 64}\n"
              "train: {num_train_epochs: 0.5, per_device_train_batch_size: 1, "
              "gradient_accumulation_steps: 2, learning_rate: 1.0e-3, "
              "lr_scheduler_type: constant_with_warmup, warmup_steps: 2}\n"
              "logging: {eval_steps: 3}\n"
              "resources: {device: cpu, ranks: 2}"));

  // 28 rows of 2 x 2 a step are 7 steps an epoch.
  const v1::Job job = cluster_.GetJob("job");
  EXPECT_EQ(job.plan().steps_per_epoch(), 7);
  EXPECT_EQ(job.plan().eval_rows(), 28);
  EXPECT_THAT(
      Curve("job", "learning_rate"),
      ElementsAre(Pair(1, 0.0), Pair(2, 5e-4), Pair(3, 1e-3), Pair(4, 1e-3)));
  const std::map<int64_t, double> losses = Curve("job", "eval_loss");
  EXPECT_THAT(losses,
              ElementsAre(Pair(3, ::testing::_), Pair(4, ::testing::_)));
  EXPECT_EQ(job.progress().eval_loss(), losses.at(4));
  EXPECT_THAT(ReadFile(cluster_.Path("job/trainer_state.json")),
              HasSubstr("\"eval_loss\""));
}

TEST_F(JobSpecTest, ABatchMayBeLargerThanTheDataAndARankMayHaveNone) {
  WriteFile(cluster_.Path("one.jsonl"), "{\"text\": \"one row\"}\n");
  MustRun("job", absl::StrCat("model: {path: ", TestData("models/tiny-llama"),
                              "}\nmethod: {full: {}}\ndata: {train: [{path: ",
                              cluster_.Path("one.jsonl"),
                              "}], max_length: 64}\ntrain: {num_train_epochs: "
                              "2, per_device_train_batch_size: 64}\n"
                              "resources: {device: cpu, ranks: 2}"));

  EXPECT_EQ(cluster_.Losses("job").size(), 2u);
}

TEST_F(JobSpecTest, AnyCheckpointCanBeMergedInAnyDtype) {
  MustRun("job",
          absl::StrCat("model: {path: ", TestData("models/tiny-llama"),
                       "}\nmethod: {lora: {r: 4}}\ndata: {train: [{path: ",
                       TestData("data/text.jsonl"),
                       "}], max_length: 64}\ntrain: {max_steps: 4, "
                       "learning_rate: 1.0e-2}\ncheckpoint: {save_steps: 2}\n"
                       "resources: {device: cpu, ranks: 2}"));
  const auto merge = [&](const std::string& output,
                         std::vector<std::string> more) {
    std::vector<std::string> args = {"checkpoints", "export",
                                     "job",         "--merge",
                                     "--output",    cluster_.Path(output)};
    args.insert(args.end(), more.begin(), more.end());
    return cluster_.Lockstep(args);
  };

  ASSERT_EQ(merge("end", {}).exit_code, 0);
  ASSERT_EQ(merge("step4", {"--step", "4"}).exit_code, 0);
  ASSERT_EQ(merge("step2", {"--step", "2"}).exit_code, 0);
  ASSERT_EQ(merge("bf16", {"--dtype", "bf16"}).exit_code, 0);
  const RunResult missing = merge("none", {"--step", "3"});

  const auto weights = [&](const std::string& output) {
    return ReadFile(cluster_.Path(output + "/model.safetensors"));
  };
  EXPECT_EQ(weights("step4"), weights("end"));
  EXPECT_NE(weights("step2"), weights("end"));
  EXPECT_LT(weights("bf16").size(), weights("end").size() * 6 / 10);
  EXPECT_THAT(ReadFile(cluster_.Path("bf16/config.json")),
              HasSubstr("bfloat16"));
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_THAT(missing.err, HasSubstr("it has 2, 4"));
  EXPECT_FALSE(std::filesystem::exists(cluster_.Path("none")));
}

TEST_F(JobSpecTest, ACheckpointFolderHoldsAllThatResumeNeeds) {
  MustRun("job", absl::StrCat("model: {path: ", TestData("models/tiny-llama"),
                              "}\nmethod: {lora: {r: 4}}\ndata: {train: "
                              "[{path: ",
                              TestData("data/text.jsonl"),
                              "}], max_length: 64}\ntrain: {max_steps: 1}\n"
                              "resources: {device: cpu, ranks: 2}"));

  for (const char* file :
       {"MANIFEST", "lockstep_state.json", "trainer_state.json",
        "adapter_config.json", "adapter_model.safetensors",
        "optimizer_exp_avg.safetensors", "optimizer_exp_avg_sq.safetensors"}) {
    EXPECT_THAT(ReadFile(cluster_.Path("job/checkpoint-1/") + file),
                ::testing::Not(IsEmpty()))
        << file;
  }
  EXPECT_EQ(
      ReadFile(cluster_.Path("job/checkpoint-1/adapter_model.safetensors")),
      ReadFile(cluster_.Path("job/adapter_model.safetensors")));
}

}  // namespace
}  // namespace lockstep::testing
