// What a user gets wrong about files: each is named with its field, file and
// line, the value and what is allowed, and nothing is left behind (Error()).

#include <sys/inotify.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/worker/prepare/prepare_fixture.h"
#include "worker/prepare/job_error.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using BadInputTest = PrepareFixture;

TEST_F(BadInputTest, MissingModel) {
  spec_.mutable_model()->set_path("/nonexistent/model");

  EXPECT_THAT(Error(), StartsWith("model.path: /nonexistent/model"));
}

TEST_F(BadInputTest, UnknownArchitecture) {
  const std::string model = CopyModel();
  Edit(model + "/config.json", "\"llama\"", "\"gptj\"");

  EXPECT_THAT(Error(),
              AllOf(StartsWith("model.path: "), HasSubstr("config.json"),
                    HasSubstr("gptj"), HasSubstr("llama")));
}

TEST_F(BadInputTest, ConfigThatIsNotJson) {
  WriteFile(CopyModel() + "/config.json", "{\"model_type\": ");

  EXPECT_THAT(Error(), HasSubstr("config.json"));
}

TEST_F(BadInputTest, TruncatedSafetensors) {
  const std::string file = CopyModel() + "/model.safetensors";
  fs::resize_file(file, fs::file_size(file) - 100);

  EXPECT_THAT(Error(), AllOf(StartsWith("model.path: "),
                             HasSubstr("model.safetensors")));
}

TEST_F(BadInputTest, HeaderLongerThanTheFile) {
  WriteFile(CopyModel() + "/model.safetensors",
            std::string("\xff\xff\x00\x00\0\0\0\0{}", 10));

  EXPECT_THAT(Error(),
              AllOf(HasSubstr("model.safetensors"), HasSubstr("65535")));
}

TEST_F(BadInputTest, ShapeAgainstConfig) {
  Edit(CopyModel() + "/config.json", "\"intermediate_size\": 96",
       "\"intermediate_size\": 98");

  EXPECT_THAT(Error(),
              AllOf(HasSubstr("mlp."), HasSubstr("96"), HasSubstr("98")));
}

TEST_F(BadInputTest, MissingShard) {
  fs::remove(CopyModel("tiny-qwen2") + "/model-00002-of-00002.safetensors");

  EXPECT_THAT(Error(), HasSubstr("model-00002-of-00002.safetensors"));
}

// inotify tells of every file of the folder that is opened.
TEST_F(BadInputTest, NoPickleIsEverOpened) {
  const std::string model = CopyModel();
  fs::rename(model + "/model.safetensors", model + "/pytorch_model.bin");
  const int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  ASSERT_GE(inotify_add_watch(watch, model.c_str(), IN_OPEN), 0);

  const std::string error = Error();

  EXPECT_THAT(error, AllOf(StartsWith("model.path: "),
                           HasSubstr("pytorch_model.bin, a pickle")));
  char events[1 << 14];
  const ssize_t bytes = read(watch, events, sizeof(events));
  ASSERT_GT(bytes, 0);
  const absl::string_view opened(events, static_cast<size_t>(bytes));
  EXPECT_TRUE(absl::StrContains(opened, "config.json"));
  EXPECT_FALSE(absl::StrContains(opened, "pytorch_model.bin"));
  close(watch);
}

TEST_F(BadInputTest, APickleUnderTheNameOfSafetensorsIsNone) {
  WriteFile(CopyModel() + "/model.safetensors",
            "\x80\x02}q\x01X\x01wq\x02cos\nsystem\n.");

  EXPECT_THAT(Error(), HasSubstr("model.safetensors"));
}

TEST_F(BadInputTest, MessagesAreUtf8WhateverTheFilesHold) {
  WriteData("{\"text\": \"\xff\x1b[2J\"}\n");
  const absl::StatusOr<v1::Plan> plan = Plan();

  EXPECT_THAT(ToJobError(plan.status()).message(),
              AllOf(HasSubstr("train.jsonl:1"), HasSubstr("\\xff"),
                    Not(HasSubstr("\xff")), Not(HasSubstr("\x1b"))));
}

TEST_F(BadInputTest, MissingTokenizer) {
  fs::remove(CopyModel() + "/tokenizer.json");

  EXPECT_THAT(Error(),
              AllOf(StartsWith("model.path: "), HasSubstr("tokenizer.json")));
}

TEST_F(BadInputTest, DamagedTokenizer) {
  WriteFile(CopyModel() + "/tokenizer.json", "{\"model\": 7}");

  EXPECT_THAT(Error(), HasSubstr("tokenizer.json"));
}

TEST_F(BadInputTest, TokenizerOfAnotherModel) {
  fs::copy_file(TestData("models/tiny-qwen2/tokenizer.json"),
                CopyModel() + "/tokenizer.json",
                fs::copy_options::overwrite_existing);
  WriteData("{\"text\": \"so it is\"}\n{\"text\": \"so To is\"}\n");

  EXPECT_THAT(Error(), AllOf(HasSubstr("train.jsonl:2"), HasSubstr("token 3"),
                             HasSubstr("vocab_size in config.json is 320")));
}

TEST_F(BadInputTest, MissingData) {
  SetData("/nonexistent/train.jsonl");

  EXPECT_THAT(Error(), AllOf(StartsWith("data.train[0]"),
                             HasSubstr("/nonexistent/train.jsonl")));
}

TEST_F(BadInputTest, EmptyData) {
  WriteData("\n");

  EXPECT_THAT(Error(),
              AllOf(StartsWith("data.train[0]"), HasSubstr("train.jsonl")));
}

TEST_F(BadInputTest, MissingEvaluationFile) {
  spec_.mutable_data()->mutable_eval()->set_path("/nonexistent/eval.jsonl");

  EXPECT_THAT(Error(), AllOf(StartsWith("data.eval"),
                             HasSubstr("/nonexistent/eval.jsonl")));
}

TEST_F(BadInputTest, BadRowOfTheSecondFile) {
  spec_.mutable_data()->add_train()->set_path(Path("second.jsonl"));
  WriteFile(Path("second.jsonl"), "{\"text\": \"fine\"}\n{\"text\": \"torn\n");

  EXPECT_THAT(Error(),
              AllOf(StartsWith("data.train[1]"), HasSubstr("second.jsonl:2")));
}

TEST_F(BadInputTest, RowWithoutATrainedToken) {
  WriteData(
      "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}, "
      "{\"role\": \"assistant\", \"content\": \"yes\"}]}\n"
      "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}\n");

  EXPECT_THAT(Error(), AllOf(HasSubstr("train.jsonl:2"), HasSubstr("trained")));
}

TEST_F(BadInputTest, RaisingTemplate) {
  SetData(TestData("data/chat.jsonl"));
  spec_.mutable_model()->set_chat_template(
      "{{ raise_exception('only one turn') }}");

  EXPECT_THAT(Error(),
              AllOf(HasSubstr("chat.jsonl:1"), HasSubstr("only one turn")));
}

TEST_F(BadInputTest, TemplateOfTheSpecThatDoesNotCompile) {
  spec_.mutable_model()->set_chat_template("{% if %}");

  EXPECT_THAT(Error(), StartsWith("model.chat_template: "));
}

TEST_F(BadInputTest, MessagesForAModelWithoutATemplate) {
  fs::remove(CopyModel("tiny-qwen2") + "/chat_template.jinja");
  SetData(TestData("data/chat.jsonl"));

  EXPECT_THAT(Error(),
              AllOf(StartsWith("data.train[0]"), HasSubstr("chat_template")));
}

TEST_F(BadInputTest, MessagesForATemplateThatDoesNotCompile) {
  WriteFile(CopyModel("tiny-qwen2") + "/chat_template.jinja", "{% if %}");
  SetData(TestData("data/chat.jsonl"));

  EXPECT_THAT(Error(),
              AllOf(StartsWith("data.train[0]"),
                    HasSubstr("the chat template of " + Path("model"))));
}

TEST_F(BadInputTest, RowTooLongUnderTruncationError) {
  spec_.mutable_data()->set_max_length(4);
  spec_.mutable_data()->set_truncation(v1::DataSpec::TRUNCATION_ERROR);

  EXPECT_THAT(Error(), HasSubstr("pc.jsonl:1"));
}

TEST_F(BadInputTest, ShareThatLeavesNothingToTrainOn) {
  WriteData("{\"text\": \"one row\"}\n");
  spec_.mutable_data()->set_eval_fraction(0.5);

  EXPECT_THAT(Error(), StartsWith("data.eval_fraction: 0.5 of 1 rows"));
}

TEST_F(BadInputTest, MissingAdapter) {
  spec_.mutable_model()->set_adapter("/nonexistent/adapter");

  EXPECT_THAT(Error(), StartsWith("model.adapter: /nonexistent/adapter"));
}

TEST_F(BadInputTest, AdapterOfAnotherModel) {
  spec_.mutable_model()->set_adapter(TestData("adapters/tiny-qwen2-r8-rs"));

  EXPECT_THAT(Error(), AllOf(StartsWith("model.adapter: "),
                             HasSubstr("tiny-qwen2-r8-rs")));
}

TEST_F(BadInputTest, AdapterWithOtherNumbersThanTheSpec) {
  spec_.mutable_model()->set_adapter(TestData("adapters/tiny-llama-r8"));
  v1::LoraSpec& lora = *spec_.mutable_method()->mutable_lora();

  lora.set_r(16);
  EXPECT_THAT(Error(), AllOf(HasSubstr("/tiny-llama-r8 has r 8"),
                             HasSubstr("method.lora.r is 16")));
  lora.set_r(8);
  lora.set_alpha(32);
  EXPECT_THAT(Error(), HasSubstr("method.lora.alpha is 32"));
  lora.set_alpha(16);
  lora.set_use_rslora(true);
  EXPECT_THAT(Error(), HasSubstr("method.lora.use_rslora is true"));
  lora.set_use_rslora(false);
  lora.add_target_modules("q_proj");
  EXPECT_THAT(Error(), HasSubstr("method.lora.target_modules is q_proj"));
}

TEST_F(BadInputTest, OutputThatCannotBeWritten) {
  spec_.set_output_dir("/proc/out");

  EXPECT_THAT(Error(), AllOf(StartsWith("output_dir: /proc/out"),
                             HasSubstr("No such file or directory")));
}

TEST_F(BadInputTest, OutputOverTheModel) {
  const std::string model = CopyModel();
  spec_.set_output_dir(model + "/");

  EXPECT_THAT(Error(),
              AllOf(StartsWith("output_dir: "), HasSubstr("model.path")));
  EXPECT_TRUE(fs::exists(model + "/model.safetensors"));
}

TEST_F(BadInputTest, StepsBeyondCounting) {
  spec_.mutable_train()->set_num_train_epochs(1e300);

  const absl::StatusOr<v1::Plan> plan = Plan();

  EXPECT_THAT(std::string(plan.status().message()),
              StartsWith("train.num_train_epochs: "));
}

TEST_F(BadInputTest, SpecThatNobodyValidated) {
  spec_.mutable_data()->set_max_length(1);

  EXPECT_THAT(Error(), HasSubstr("data.max_length"));
}

TEST_F(BadInputTest, CacheFolderThatCannotBeMade) {
  PrepareOptions options = Options();
  options.cache_dir = "/proc/cache";

  const absl::StatusOr<v1::Plan> plan = MakePlan(options);

  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("/proc/cache"));
  EXPECT_FALSE(fs::exists(Path("out")));
}

}  // namespace
}  // namespace lockstep::testing
