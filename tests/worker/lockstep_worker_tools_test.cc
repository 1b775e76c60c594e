// The tools for new models, one after the other as the quickstart uses them.

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/exit_code.h"
#include "tests/integration/process.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class WorkerToolsTest : public ::testing::Test {
 protected:
  static RunResult Worker(std::vector<std::string> args) {
    args.insert(args.begin(), BinDir() + "/lockstep-worker");
    return RunProgram(args);
  }
  std::string Path(const std::string& name) const { return dir_.Path(name); }

  RunResult TrainTokenizer(const std::string& data) {
    return Worker({"tokenizer", "train", "--files", data, "--vocab-size", "300",
                   "--output", Path("tokenizer")});
  }
  RunResult InitModel(const std::string& tokenizer) {
    return Worker({"init-model", "--hidden-size", "16", "--layers", "1",
                   "--heads", "2", "--intermediate-size", "24", "--tokenizer",
                   tokenizer, "--output", Path("model")});
  }

  const std::string data_ = SourceDir() + "/tests/testdata/data/text.jsonl";
  ScopedTempDir dir_;
};

// LibTorch takes longer to load than anything else a short command does.
TEST_F(WorkerToolsTest, OnlyTheRankProgramLoadsLibTorch) {
  const auto libraries = [](const std::string& program) {
    return RunProgram({BinDir() + "/" + program, "--version"},
                      {{"LD_TRACE_LOADED_OBJECTS", "1"}})
        .out;
  };
  EXPECT_THAT(libraries("lockstep-rank"), HasSubstr("libtorch"));
  EXPECT_THAT(libraries("lockstep-worker"),
              AllOf(HasSubstr("libgrpc"), Not(HasSubstr("libtorch"))));
}

// To a user it is one program.
TEST_F(WorkerToolsTest, WhatComputesIsHandedOn) {
  const RunResult help = Worker({"forward", "--help"});
  EXPECT_EQ(help.exit_code, kOk);
  EXPECT_THAT(help.out, AllOf(HasSubstr("--ids"), HasSubstr("--adapter")));
  EXPECT_THAT(help.err, IsEmpty());

  const RunResult plan = Worker({"plan"});
  EXPECT_EQ(plan.exit_code, kUsage);
  EXPECT_THAT(plan.err, StartsWith("lockstep-worker: --spec is required"));
}

TEST_F(WorkerToolsTest, TokenizerModelLogitsAndExport) {
  const RunResult tokenizer = TrainTokenizer(data_);
  ASSERT_EQ(tokenizer.exit_code, kOk) << tokenizer.err;
  EXPECT_THAT(tokenizer.err, HasSubstr("300 tokens, from 28 texts"));
  EXPECT_THAT(tokenizer.out, IsEmpty());

  const RunResult model = InitModel(Path("tokenizer"));
  ASSERT_EQ(model.exit_code, kOk) << model.err;
  EXPECT_THAT(ReadFile(Path("model/config.json")),
              HasSubstr("\"vocab_size\": 300"));
  EXPECT_EQ(ReadFile(Path("model/tokenizer.json")),
            ReadFile(Path("tokenizer/tokenizer.json")));

  const RunResult forward =
      Worker({"forward", "--model", Path("model"), "--ids", "1,2,3", "--output",
              Path("logits")});
  ASSERT_EQ(forward.exit_code, kOk) << forward.err;
  EXPECT_GT(fs::file_size(Path("logits")), 3u * 300 * 4);

  const RunResult merged =
      Worker({"export", "--checkpoint", Path("model"), "--base", Path("model"),
              "--output", Path("merged"), "--merge", "--dtype", "bf16"});
  ASSERT_EQ(merged.exit_code, kOk) << merged.err;
  EXPECT_LT(fs::file_size(Path("merged/model.safetensors")),
            fs::file_size(Path("model/model.safetensors")));
}

TEST_F(WorkerToolsTest, BadRowIsNamedAndNothingIsWritten) {
  WriteFile(Path("bad.jsonl"), "{\"text\": \"fine\"}\n{\"text\": 7}\n");

  const RunResult run = TrainTokenizer(Path("bad.jsonl"));

  EXPECT_EQ(run.exit_code, kInvalidInput);
  EXPECT_THAT(run.err, AllOf(StartsWith("lockstep-worker tokenizer train: "),
                             HasSubstr("bad.jsonl:2")));
  EXPECT_FALSE(fs::exists(Path("tokenizer")));
}

TEST_F(WorkerToolsTest, MissingTokenizerIsNamedAndNothingIsWritten) {
  const RunResult run = InitModel("/nonexistent/tokenizer");

  EXPECT_EQ(run.exit_code, kInvalidInput);
  EXPECT_THAT(run.err, AllOf(StartsWith("lockstep-worker init-model: "),
                             HasSubstr("/nonexistent/tokenizer")));
  EXPECT_FALSE(fs::exists(Path("model")));
}

TEST_F(WorkerToolsTest, MissingCheckpointIsNamedAndNothingIsWritten) {
  const RunResult run =
      Worker({"export", "--checkpoint", "/nonexistent/checkpoint", "--base",
              SourceDir() + "/tests/testdata/models/tiny-llama", "--output",
              Path("merged"), "--merge"});

  EXPECT_EQ(run.exit_code, kInvalidInput);
  EXPECT_THAT(run.err, AllOf(StartsWith("lockstep-worker export: "),
                             HasSubstr("/nonexistent/checkpoint")));
  EXPECT_FALSE(fs::exists(Path("merged")));
}

}  // namespace
}  // namespace lockstep::testing
