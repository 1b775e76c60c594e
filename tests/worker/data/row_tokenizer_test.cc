#include "worker/data/row_tokenizer.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/worker/data/text_model.h"

namespace lockstep {
namespace {

using testing::FixturePath;
using testing::IsError;
using testing::IsInvalid;
using testing::IsOk;
using testing::TextModel;

constexpr auto kMessages = v1::DataSource::FORMAT_MESSAGES;
constexpr auto kPromptCompletion = v1::DataSource::FORMAT_PROMPT_COMPLETION;
constexpr auto kText = v1::DataSource::FORMAT_TEXT;

constexpr auto kAssistant = v1::DataSpec::TRAIN_ON_ASSISTANT;
constexpr auto kCompletion = v1::DataSpec::TRAIN_ON_COMPLETION;
constexpr auto kAll = v1::DataSpec::TRAIN_ON_ALL;
constexpr auto kDefault = v1::DataSpec::TRAIN_ON_UNSPECIFIED;

// Marks answers with {% generation %}.
const TextModel& Llama() {
  static const auto* const model =
      new TextModel(FixturePath("models/tiny-llama"));
  return *model;
}

// Does not.
const TextModel& Qwen() {
  static const auto* const model =
      new TextModel(FixturePath("models/tiny-qwen2"));
  return *model;
}

absl::StatusOr<Document> Tokenize(const TextModel& model,
                                  v1::DataSource::Format format,
                                  const std::string& row,
                                  v1::DataSpec::TrainOn train_on = kDefault) {
  return model.Rows(train_on).Tokenize(format,
                                       nlohmann::ordered_json::parse(row));
}

std::string Learned(const TextModel& model, v1::DataSource::Format format,
                    const std::string& row,
                    v1::DataSpec::TrainOn train_on = kDefault) {
  const auto document = Tokenize(model, format, row, train_on);
  return document.ok() ? model.Learned(*document)
                       : document.status().ToString();
}

constexpr char kTwoRounds[] = R"({"messages": [
    {"role": "user", "content": "one?"},
    {"role": "assistant", "content": "1."},
    {"role": "user", "content": "two?"},
    {"role": "assistant", "content": "2."}]})";

TEST(RowTokenizerTest, TextIsLearnedWholeAndEndsInEos) {
  const auto document = Tokenize(Llama(), kText, R"({"text": "2 plus 3"})");

  ASSERT_THAT(document, IsOk());
  EXPECT_EQ(Llama().Text(*document), "<|begin_of_text|>2 plus 3<|eot_id|>");
  EXPECT_EQ(Llama().Learned(*document), "2 plus 3<|eot_id|>");
}

TEST(RowTokenizerTest, EosIsNotAppendedTwice) {
  const auto document =
      Tokenize(Qwen(), kText, R"({"text": "2 plus 3<|im_end|>"})");

  ASSERT_THAT(document, IsOk());
  EXPECT_EQ(Qwen().Text(*document), "2 plus 3<|im_end|>");
  EXPECT_EQ(document->trained.back(), 1);
}

TEST(RowTokenizerTest, OfPromptAndCompletionTheCompletionIsLearned) {
  const std::string row =
      R"({"prompt": "What is 2 plus 3?", "completion": " It is 5."})";

  EXPECT_EQ(Learned(Llama(), kPromptCompletion, row), " It is 5.<|eot_id|>");
  EXPECT_EQ(Learned(Qwen(), kPromptCompletion, row), " It is 5.<|im_end|>");
  EXPECT_EQ(Learned(Qwen(), kPromptCompletion, row, kAll),
            "What is 2 plus 3? It is 5.<|im_end|>");
}

TEST(RowTokenizerTest, MessagesAreLearnedByTheAssistantsMarksOrByPrefix) {
  EXPECT_EQ(Learned(Llama(), kMessages, kTwoRounds),
            "1.<|eot_id|>2.<|eot_id|>");
  EXPECT_EQ(Learned(Qwen(), kMessages, kTwoRounds),
            "1.<|im_end|>\n2.<|im_end|>\n");
  EXPECT_EQ(Llama().Rows().MaskSource(kMessages), "generation");
  EXPECT_EQ(Qwen().Rows().MaskSource(kMessages), "prefix");
}

TEST(RowTokenizerTest, CompletionMeansTheLastAnswerOfMessages) {
  EXPECT_EQ(Learned(Llama(), kMessages, kTwoRounds, kCompletion),
            "2.<|eot_id|>");
  EXPECT_EQ(Learned(Qwen(), kMessages, kTwoRounds, kCompletion),
            "2.<|im_end|>\n");
}

TEST(RowTokenizerTest, AllMeansEveryTokenOfTheRendering) {
  const auto document = Tokenize(Qwen(), kMessages, kTwoRounds, kAll);
  ASSERT_THAT(document, IsOk());
  EXPECT_EQ(document->trained, std::vector<uint8_t>(document->ids.size(), 1));
  EXPECT_EQ(Qwen().Rows(kAll).MaskSource(kMessages), "all");
}

TEST(RowTokenizerTest, FlagsOfAMessageWin) {
  const std::string row = R"({"messages": [
      {"role": "user", "content": "one?", "train": true},
      {"role": "assistant", "content": "1.", "weight": 0},
      {"role": "user", "content": "two?"},
      {"role": "assistant", "content": "2.", "weight": 1}]})";

  EXPECT_EQ(Learned(Qwen(), kMessages, row),
            "<|im_start|>user\none?<|im_end|>\n2.<|im_end|>\n");
  EXPECT_EQ(Learned(Llama(), kMessages, row),
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n"
            "one?<|eot_id|>2.<|eot_id|>");
  EXPECT_EQ(Learned(Qwen(), kMessages, row, kAll),
            "<|im_start|>user\none?<|im_end|>\n<|im_start|>assistant\n"
            "<|im_start|>user\ntwo?<|im_end|>\n<|im_start|>assistant\n"
            "2.<|im_end|>\n");
}

TEST(RowTokenizerTest, PromptAndCompletionMayBeMessages) {
  const std::string row = R"({
      "prompt": [{"role": "user", "content": "one?"},
                 {"role": "assistant", "content": "1."},
                 {"role": "user", "content": "two?"}],
      "completion": [{"role": "assistant", "content": "2."}]})";

  EXPECT_EQ(Learned(Llama(), kPromptCompletion, row), "2.<|eot_id|>");
  EXPECT_EQ(Learned(Qwen(), kPromptCompletion, row), "2.<|im_end|>\n");
  EXPECT_EQ(Learned(Qwen(), kPromptCompletion, row, kAssistant),
            "1.<|im_end|>\n2.<|im_end|>\n");
  EXPECT_EQ(Qwen().Rows().MaskSource(kPromptCompletion), "completion");
}

TEST(RowTokenizerTest, TextCannotFakeAMark) {
  const std::string row = R"({"messages": [
      {"role": "user", "content": "{% generation %}x{% endgeneration %}"},
      {"role": "assistant", "content": "1."}]})";

  EXPECT_EQ(Learned(Llama(), kMessages, row), "1.<|eot_id|>");
}

TEST(RowTokenizerTest, GivesTemplatesWhatTheyExpect) {
  const TextModel model(
      FixturePath("models/tiny-llama"),
      "{{ bos_token }}{{ tools | tojson }}{{ extra }}{% for m in messages %}"
      "{{ m.content }}{{ m.weight is defined }}"
      "{% for c in m.tool_calls %}{{ c.function.arguments | tojson }}"
      "{% endfor %}{% endfor %}");
  const std::string row = R"({
      "tools": "[{\"a\": 1}]", "chat_template_kwargs": {"extra": "X"},
      "messages": [
        {"role": "user", "content": [{"type": "text", "text": "p"},
                                     {"type": "text", "text": "q"}]},
        {"role": "assistant", "content": null, "weight": 1, "tool_calls": [
            {"function": {"name": "f", "arguments": "{\"k\": 2}"}}]}]})";

  const auto document = Tokenize(model, kMessages, row, kAll);

  ASSERT_THAT(document, IsOk());
  EXPECT_EQ(model.Text(*document),
            "<|begin_of_text|>[{\"a\": 1}]XpqFalseNoneFalse{\"k\": 2}");
}

TEST(RowTokenizerTest, NamesTheMessageThatIsWrong) {
  const auto messages = [](const std::string& list) {
    return Tokenize(Qwen(), kMessages, "{\"messages\": " + list + "}");
  };

  EXPECT_THAT(messages("[]"), IsInvalid("messages: is not a list"));
  EXPECT_THAT(messages("[3]"), IsInvalid("messages[0]: is not an object"));
  EXPECT_THAT(messages(R"([{"content": "a"}])"),
              IsInvalid("messages[0]: has no role"));
  EXPECT_THAT(messages(R"([{"role": "user"}])"),
              IsInvalid("messages[0]: has no content"));
  EXPECT_THAT(messages(R"([{"role": "user", "content": 3}])"),
              IsInvalid("messages[0]: content is a number"));
  EXPECT_THAT(messages(R"([{"role": "user", "content": [{"type": "image"}]}])"),
              IsInvalid("messages[0]: content may only have parts "
                        "{\"type\": \"text\", \"text\": string}, not "
                        "{\"type\":\"image\"}"));
  EXPECT_THAT(messages(R"([{"role": "user", "content": [{"type": "text",
                            "value": "hi"}]}])"),
              IsInvalid("not {\"type\":\"text\",\"value\":\"hi\"}"));
  EXPECT_THAT(messages(R"([{"role": "user", "content": "", "weight": 1}])"),
              IsInvalid("weight is only for messages by the assistant"));
  EXPECT_THAT(
      messages(R"([{"role": "assistant", "content": "", "weight": 0.5}])"),
      IsInvalid("weight 0.5 is neither 0 nor 1"));
  EXPECT_THAT(messages(R"([{"role": "user", "content": "", "train": 1}])"),
              IsInvalid("train 1 is neither true nor false"));
  EXPECT_THAT(messages(R"([{"role": "assistant", "content": "", "weight": 1,
                            "train": false}])"),
              IsInvalid("contradict"));
  EXPECT_THAT(messages(R"([{"role": "assistant", "content": "",
                            "tool_calls": [3]}])"),
              IsInvalid("a tool call is not an object"));
}

TEST(RowTokenizerTest, NamesTheKeyThatIsMissingOrOfAWrongType) {
  EXPECT_THAT(Tokenize(Qwen(), kText, R"({"body": ""})"),
              IsInvalid("the row has no \"text\"; its keys are body"));
  EXPECT_THAT(Tokenize(Qwen(), kText, R"({"text": 3})"),
              IsInvalid("\"text\" is a number, not a string"));
  EXPECT_THAT(Tokenize(Qwen(), kPromptCompletion,
                       R"({"prompt": "", "completion": []})"),
              IsInvalid("\"completion\" is a array"));
  EXPECT_THAT(Tokenize(Qwen(), kMessages, R"({"messages": [
                  {"role": "user", "content": ""}], "tools": 3})"),
              IsInvalid("tools: is not a list"));
  EXPECT_THAT(Tokenize(Qwen(), kMessages, R"({"messages": [
                  {"role": "user", "content": ""}],
                  "chat_template_kwargs": 3})"),
              IsInvalid("chat_template_kwargs: is not an object"));
}

TEST(RowTokenizerTest, RefusesWhatHasNoMeaning) {
  EXPECT_THAT(Qwen().Rows(kAssistant).CheckFormat(kText),
              IsInvalid("data.train_on: assistant has no meaning"));
  EXPECT_THAT(Tokenize(Qwen(), kPromptCompletion,
                       R"({"prompt": "", "completion": ""})", kAssistant),
              IsInvalid("data.train_on: assistant has no meaning"));
  EXPECT_THAT(Qwen().Rows(kAll).CheckFormat(kText), IsOk());
}

TEST(RowTokenizerTest, MessagesNeedATemplate) {
  const RowTokenizer rows(
      {&Qwen().tokenizer(), nullptr, {}, {}, kDefault, absl::UnixEpoch()});
  EXPECT_THAT(
      rows.CheckFormat(kMessages),
      IsError(absl::StatusCode::kFailedPrecondition, "model.chat_template"));
  EXPECT_THAT(
      rows.Tokenize(kPromptCompletion, nlohmann::ordered_json::parse(R"({
          "prompt": [{"role": "user", "content": "a"}],
          "completion": [{"role": "assistant", "content": "b"}]})")),
      IsError(absl::StatusCode::kFailedPrecondition, "chat template"));
}

TEST(RowTokenizerTest, SaysWhatTheTemplateRaises) {
  const TextModel model(FixturePath("models/tiny-qwen2"),
                        "{{ raise_exception('no system turn') }}");
  EXPECT_THAT(Tokenize(model, kMessages, kTwoRounds),
              IsInvalid("the chat template fails: invalid operation: no system "
                        "turn (in chat_template:1)"));
}

TEST(RowTokenizerTest, RefusesTemplatesWhosePrefixesAreNoPrefixes) {
  const TextModel model(FixturePath("models/tiny-qwen2"),
                        "{{ messages | length }}{% for m in messages %}"
                        "{{ m.content }}{% endfor %}");
  EXPECT_THAT(Tokenize(model, kMessages, kTwoRounds),
              IsInvalid("use a template that marks answers"));
}

}  // namespace
}  // namespace lockstep
