// The tools that look at data and tokenizers, from the outside.

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/contract/exit_code.h"
#include "tests/integration/process.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class WorkerDatasetTest : public ::testing::Test {
 protected:
  static RunResult Worker(std::vector<std::string> args,
                          const std::string& model = "tiny-llama") {
    args.insert(args.begin(), BinDir() + "/lockstep-worker");
    args.insert(args.end(), {"--model", Fixture("models/" + model)});
    return RunProgram(args);
  }
  static std::string Fixture(const std::string& name) {
    return SourceDir() + "/tests/testdata/" + name;
  }

  ScopedTempDir dir_;
};

TEST_F(WorkerDatasetTest, CheckSaysThatAllRowsAreGood) {
  const RunResult run =
      Worker({"dataset", "check", Fixture("data/chat.jsonl")});

  EXPECT_EQ(run.exit_code, kOk) << run.err;
  EXPECT_EQ(run.out,
            Fixture("data/chat.jsonl") + ": ok, 28 rows of messages\n");
}

TEST_F(WorkerDatasetTest, CheckNamesTheFirstBadRow) {
  WriteFile(dir_.Path("bad.jsonl"),
            "{\"text\": \"fine\"}\n{\"text\": \"torn\n");

  const RunResult run = Worker({"dataset", "check", dir_.Path("bad.jsonl")});

  EXPECT_EQ(run.exit_code, kInvalidInput);
  EXPECT_THAT(run.err, HasSubstr("bad.jsonl:2"));
  EXPECT_EQ(run.out, "");
}

TEST_F(WorkerDatasetTest, StatsAreThoseOfAPlan) {
  const RunResult run = Worker(
      {"dataset", "stats", Fixture("data/pc.jsonl"), "--output", "json"});

  ASSERT_EQ(run.exit_code, kOk) << run.err;
  const Json stats = Json::parse(run.out);
  EXPECT_EQ(stats["rows"], 28);
  EXPECT_EQ(stats["tokens"], 576);
  EXPECT_EQ(stats["trained_tokens"], 250);
  EXPECT_EQ(stats["mask_source"], "completion");
  EXPECT_EQ(stats["shortest"], 16);
  EXPECT_EQ(stats["median"], 18);
  EXPECT_EQ(stats["longest"], 38);
}

TEST_F(WorkerDatasetTest, LongRowsAreCountedAsTheFlagsSay) {
  const RunResult run = Worker({"dataset", "stats", Fixture("data/pc.jsonl"),
                                "--max-length", "20", "--truncation", "drop"});

  EXPECT_EQ(run.exit_code, kOk) << run.err;
  EXPECT_THAT(run.out, Not(HasSubstr("dropped_rows    0")));
  EXPECT_THAT(run.out, HasSubstr("truncated_rows  0"));
}

TEST_F(WorkerDatasetTest, PreviewShowsWhatIsTrained) {
  const RunResult run =
      Worker({"dataset", "preview", Fixture("data/chat.jsonl"), "--rows", "1",
              "--show-mask"});

  EXPECT_EQ(run.exit_code, kOk) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("chat.jsonl:1: 63 tokens, 7 trained\n"),
                             HasSubstr("  masked   <|begin_of_text|>"),
                             HasSubstr("  trained  0 plus 2 is 2.<|eot_id|>\n"),
                             Not(HasSubstr("chat.jsonl:2"))));
}

TEST_F(WorkerDatasetTest, PreviewIsOneTextWithoutTheMask) {
  const RunResult run =
      Worker({"dataset", "preview", Fixture("data/pc.jsonl"), "--rows", "2"});

  EXPECT_EQ(run.exit_code, kOk) << run.err;
  EXPECT_THAT(run.out,
              HasSubstr("  <|begin_of_text|>What is 0 plus 2? 0 plus 2 is "
                        "2.<|eot_id|>\n"));
}

TEST_F(WorkerDatasetTest, TokenizeShowsIdsAndTokens) {
  const RunResult run = Worker(
      {"dataset", "tokenize", Fixture("data/chat.jsonl"), "--rows", "1"});

  EXPECT_EQ(run.exit_code, kOk) << run.err;
  EXPECT_THAT(run.out,
              AllOf(HasSubstr("chat.jsonl:1: 63 tokens, 7 trained\n"),
                    HasSubstr("  masked         0  <|begin_of_text|>"
                              "\n"),
                    HasSubstr("<|eot_id|>\n"), Not(HasSubstr("chat.jsonl:2"))));
  const std::string trained = "  trained  ";
  int lines = 0;
  for (size_t at = 0; (at = run.out.find(trained, at)) != run.out.npos; ++at) {
    ++lines;
  }
  EXPECT_EQ(lines, 7);
}

TEST_F(WorkerDatasetTest, TokenizedRowsAreJsonToo) {
  const RunResult run = Worker({"dataset", "tokenize", Fixture("data/pc.jsonl"),
                                "--rows", "2", "--output", "json"});

  ASSERT_EQ(run.exit_code, kOk) << run.err;
  const Json rows = Json::parse(run.out);
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(rows[1]["line"], 2);
  const Json& row = rows[0];
  EXPECT_EQ(row["tokens"][0], "<|begin_of_text|>");
  EXPECT_EQ(row["tokens"].size(), row["ids"].size());
  EXPECT_EQ(row["trained"].size(), row["ids"].size());
  EXPECT_EQ(row["trained"][0], false);
  EXPECT_EQ(row["trained"][row["ids"].size() - 1], true);
  // They are the row's: its text comes back from them.
  std::vector<std::string> decode = {"tokenizer", "decode", "--special"};
  for (const Json& id : row["ids"]) decode.push_back(id.dump());
  EXPECT_EQ(Worker(decode).out,
            "<|begin_of_text|>What is 0 plus 2? 0 plus 2 is 2.<|eot_id|>\n");
}

TEST_F(WorkerDatasetTest, TokenizeNamesABadRow) {
  WriteFile(dir_.Path("bad.jsonl"), "{\"text\": \"torn\n");

  const RunResult run = Worker({"dataset", "tokenize", dir_.Path("bad.jsonl")});

  EXPECT_EQ(run.exit_code, kInvalidInput);
  EXPECT_THAT(run.err, HasSubstr("bad.jsonl:1"));
}

TEST_F(WorkerDatasetTest, ColumnsAndTemplateAreTheUsers) {
  WriteFile(dir_.Path("rows.jsonl"),
            "{\"chat\": [{\"role\": \"user\", "
            "\"content\": \"hi\"}]}\n");
  WriteFile(dir_.Path("template"),
            "{% for m in messages %}<{{ m.content }}>{% endfor %}");

  const RunResult run =
      Worker({"dataset", "preview", dir_.Path("rows.jsonl"), "--column",
              "messages=chat", "--format", "messages", "--chat-template",
              dir_.Path("template"), "--train-on", "all"});

  EXPECT_EQ(run.exit_code, kOk) << run.err;
  EXPECT_THAT(run.out, HasSubstr("  <hi>\n"));
  EXPECT_EQ(Worker({"dataset", "check", dir_.Path("rows.jsonl"), "--column",
                    "messages"})
                .exit_code,
            kInvalidInput);
}

TEST_F(WorkerDatasetTest, EncodeAndDecodeAreInverse) {
  const RunResult ids =
      Worker({"tokenizer", "encode", "What is 2?", "--special"});
  EXPECT_EQ(ids.exit_code, kOk) << ids.err;
  EXPECT_EQ(ids.out, "0 59 264 88 262 282 35\n");

  EXPECT_EQ(Worker({"tokenizer", "decode", "0,59,264", "88", "262,282,35"}).out,
            "What is 2?\n");
  EXPECT_EQ(Worker({"tokenizer", "decode", "0", "35", "--special"}).out,
            "<|begin_of_text|>?\n");
}

TEST_F(WorkerDatasetTest, AnIdThatIsNoTokenIsNamed) {
  const RunResult run = Worker({"tokenizer", "decode", "320"});

  EXPECT_EQ(run.exit_code, kInvalidInput);
  EXPECT_THAT(run.err, AllOf(HasSubstr("ID 320"), HasSubstr("has 320")));
}

}  // namespace
}  // namespace lockstep::testing
