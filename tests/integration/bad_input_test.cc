// What a user gets wrong, and what the command line says: the field, the file
// and line, the value, what is allowed; the documented exit code; nothing
// half-written; and a daemon that takes the next job.

#include <signal.h>
#include <sys/wait.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kFailed = 10;  // The job failed.
constexpr int kUsage = 2;

class BadInputTest : public ::testing::Test {
 protected:
  // A copy of the tiny model that a test may damage.
  std::string CopyOfModel() {
    std::string copy = cluster_.Path("model");
    fs::copy(SourceDir() + "/tests/testdata/models/tiny-llama", copy,
             fs::copy_options::recursive);
    return copy;
  }

  std::string Data(const std::string& content) {
    WriteFile(cluster_.Path("train.jsonl"), content);
    return cluster_.Path("train.jsonl");
  }

  std::string Job(const std::string& model, const std::string& data,
                  const std::string& more = "") {
    return absl::StrCat("apiVersion: lockstep/v1\nmodel: {path: ", model,
                        "}\nmethod: {full: {}}\ndata: {train: [{path: ", data,
                        "}], max_length: 64}\ntrain: {max_steps: 2}\n",
                        "resources: {device: cpu, ranks: 1}\noutput_dir: ",
                        cluster_.Path("out"), "\n", more);
  }

  std::string GoodModel() {
    return SourceDir() + "/tests/testdata/models/tiny-llama";
  }
  std::string GoodData() {
    return SourceDir() + "/tests/testdata/data/text.jsonl";
  }

  // The failed job has not even an output folder, and the daemon, which is
  // still the one that was started, trains the next one.
  void ExpectUnharmed() {
    EXPECT_FALSE(fs::exists(cluster_.Path("out")));
    siginfo_t ended{};
    EXPECT_EQ(waitid(P_PID, cluster_.daemon_pid(), &ended,
                     WEXITED | WNOHANG | WNOWAIT),
              0);
    EXPECT_EQ(ended.si_pid, 0) << cluster_.daemon_log();
    const RunResult next =
        cluster_.SubmitAndWait("next", Job(GoodModel(), GoodData()));
    EXPECT_EQ(next.exit_code, 0) << next.err << cluster_.daemon_log();
  }

  TestCluster cluster_;
};

TEST_F(BadInputTest, UnknownKeyNamesTheNearest) {
  const RunResult run = cluster_.SubmitAndWait(
      "bad", Job(GoodModel(), GoodData(), "trian: {max_steps: 3}\n"));

  EXPECT_EQ(run.exit_code, kUsage);
  EXPECT_THAT(run.err, AllOf(HasSubstr("bad.yaml:8:1"), HasSubstr("trian"),
                             HasSubstr("did you mean")));
}

TEST_F(BadInputTest, MissingModel) {
  const RunResult run =
      cluster_.SubmitAndWait("bad", Job("/nonexistent/model", GoodData()));

  EXPECT_EQ(run.exit_code, kFailed);
  EXPECT_THAT(run.err,
              AllOf(HasSubstr("model.path"), HasSubstr("/nonexistent/model")));
  ExpectUnharmed();
}

TEST_F(BadInputTest, TruncatedSafetensors) {
  const std::string model = CopyOfModel();
  fs::resize_file(model + "/model.safetensors",
                  fs::file_size(model + "/model.safetensors") - 100);

  const RunResult run = cluster_.SubmitAndWait("bad", Job(model, GoodData()));

  EXPECT_EQ(run.exit_code, kFailed);
  EXPECT_THAT(run.err, HasSubstr("model.safetensors"));
  ExpectUnharmed();
}

TEST_F(BadInputTest, HeaderLongerThanTheFile) {
  const std::string model = CopyOfModel();
  WriteFile(model + "/model.safetensors",
            std::string("\xff\xff\x00\x00\0\0\0\0{}", 10));

  const RunResult run = cluster_.SubmitAndWait("bad", Job(model, GoodData()));

  EXPECT_EQ(run.exit_code, kFailed);
  EXPECT_THAT(run.err,
              AllOf(HasSubstr("model.safetensors"), HasSubstr("65535")));
  ExpectUnharmed();
}

TEST_F(BadInputTest, ShapeAgainstConfig) {
  const std::string model = CopyOfModel();
  std::string config = ReadFile(model + "/config.json");
  const size_t at = config.find("\"intermediate_size\": 96");
  ASSERT_NE(at, std::string::npos);
  config.replace(at, 23, "\"intermediate_size\": 98");
  WriteFile(model + "/config.json", config);

  const RunResult run = cluster_.SubmitAndWait("bad", Job(model, GoodData()));

  EXPECT_EQ(run.exit_code, kFailed);
  EXPECT_THAT(run.err,
              AllOf(HasSubstr("mlp."), HasSubstr("96"), HasSubstr("98")));
  ExpectUnharmed();
}

TEST_F(BadInputTest, UnknownArchitecture) {
  const std::string model = CopyOfModel();
  std::string config = ReadFile(model + "/config.json");
  for (size_t at; (at = config.find("\"llama\"")) != std::string::npos;) {
    config.replace(at, 7, "\"gptj\"");
  }
  for (size_t at;
       (at = config.find("LlamaForCausalLM")) != std::string::npos;) {
    config.replace(at, 16, "GPTJForCausalLM");
  }
  WriteFile(model + "/config.json", config);

  const RunResult run = cluster_.SubmitAndWait("bad", Job(model, GoodData()));

  EXPECT_EQ(run.exit_code, kFailed);
  EXPECT_THAT(run.err, AllOf(HasSubstr("config.json"), HasSubstr("gptj"),
                             HasSubstr("llama")));
  ExpectUnharmed();
}

TEST_F(BadInputTest, BadJsonlRow) {
  const RunResult run = cluster_.SubmitAndWait(
      "bad",
      Job(GoodModel(), Data("{\"text\": \"fine\"}\n{\"text\": \"torn\n")));

  EXPECT_EQ(run.exit_code, kFailed);
  EXPECT_THAT(run.err, HasSubstr("train.jsonl:2"));
  ExpectUnharmed();
}

TEST_F(BadInputTest, RowWithoutATrainedToken) {
  const RunResult run = cluster_.SubmitAndWait(
      "bad",
      Job(GoodModel(),
          Data("{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}, "
               "{\"role\": \"assistant\", \"content\": \"yes\"}]}\n"
               "{\"messages\": [{\"role\": \"user\", \"content\": "
               "\"hi\"}]}\n")));

  EXPECT_EQ(run.exit_code, kFailed);
  EXPECT_THAT(run.err, AllOf(HasSubstr("train.jsonl:2"), HasSubstr("trained")));
  ExpectUnharmed();
}

TEST_F(BadInputTest, RaisingTemplate) {
  const std::string yaml = absl::StrCat(
      "apiVersion: lockstep/v1\nmodel: {path: ", GoodModel(),
      ", chat_template: \"{{ raise_exception('only one turn') }}\"}\n",
      "method: {full: {}}\ndata: {train: [{path: ", SourceDir(),
      "/tests/testdata/data/chat.jsonl}], max_length: 64}\n",
      "train: {max_steps: 2}\nresources: {device: cpu, ranks: 1}\n",
      "output_dir: ", cluster_.Path("out"), "\n");

  const RunResult run = cluster_.SubmitAndWait("bad", yaml);

  EXPECT_EQ(run.exit_code, kFailed);
  EXPECT_THAT(run.err,
              AllOf(HasSubstr("chat.jsonl:1"), HasSubstr("only one turn")));
  ExpectUnharmed();
}

TEST_F(BadInputTest, MoreRanksThanSlots) {
  std::string yaml = Job(GoodModel(), GoodData());
  yaml.replace(yaml.find("ranks: 1"), 8, "ranks: 3");

  const RunResult run = cluster_.SubmitAndWait("bad", yaml);

  EXPECT_EQ(run.exit_code, 6);
  EXPECT_THAT(run.err, AllOf(HasSubstr("3"), HasSubstr("2")));
  ExpectUnharmed();
}

TEST_F(BadInputTest, UnwritableOutput) {
  std::string yaml = Job(GoodModel(), GoodData());
  yaml.replace(yaml.find("output_dir: "), std::string::npos,
               "output_dir: /proc/out\n");

  const RunResult run = cluster_.SubmitAndWait("bad", yaml);

  EXPECT_EQ(run.exit_code, kFailed);
  EXPECT_THAT(run.err, AllOf(HasSubstr("output_dir"), HasSubstr("/proc/out")));
  ExpectUnharmed();
}

// Neither replaced nor mixed: the first job's files stay as they are.
TEST_F(BadInputTest, OutputFolderOfAnotherJob) {
  const std::string full = Job(GoodModel(), GoodData());
  ASSERT_EQ(cluster_.SubmitAndWait("first", full).exit_code, 0);
  const std::string weights = ReadFile(cluster_.Path("out/model.safetensors"));

  const RunResult run = cluster_.SubmitAndWait(
      "second", absl::StrReplaceAll(full, {{"full: {}", "lora: {}"}}));

  EXPECT_EQ(run.exit_code, kFailed);
  EXPECT_THAT(run.err, AllOf(HasSubstr("output_dir"),
                             HasSubstr("belongs to jobs/first")));
  EXPECT_EQ(cluster_.GetJob("second").error().reason(), "OUTPUT_IN_USE");
  EXPECT_EQ(ReadFile(cluster_.Path("out/model.safetensors")), weights);
  EXPECT_FALSE(fs::exists(cluster_.Path("out/adapter_config.json")));
}

TEST_F(BadInputTest, KnownButNotBuiltIsRefusedByName) {
  std::string yaml = Job(GoodModel(), GoodData());
  yaml.replace(yaml.find("max_steps: 2"), 12, "max_steps: 2, optim: lion");

  const RunResult run = cluster_.SubmitAndWait("bad", yaml);

  EXPECT_EQ(run.exit_code, kUsage);
  EXPECT_THAT(run.err, AllOf(HasSubstr("train.optim"), HasSubstr("lion")));
}

}  // namespace
}  // namespace lockstep::testing
