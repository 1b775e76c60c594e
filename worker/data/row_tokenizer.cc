#include "worker/data/row_tokenizer.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/spec_value.h"
#include "proto/contract/status_macros.h"
#include "worker/data/chat_messages.h"
#include "worker/data/dataset.h"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;
using Format = v1::DataSource::Format;

// The value of a key that must be there.
absl::StatusOr<const Json*> Value(const Json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the row has no \"", key, "\"; its keys are ", KeysOf(row)));
  }
  return &*found;
}

absl::StatusOr<std::string> Text(const Json& row, const char* key) {
  ASSIGN_OR_RETURN(const Json* value, Value(row, key));
  if (!value->is_string()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", key, "\" is a ", value->type_name(), ", not a string"));
  }
  return value->get<std::string>();
}

// A token is learned if it has a byte of a learned span. A token of white
// space only may have been trimmed to nothing at its end.
bool IsInside(const ByteSpan& token, const ByteSpan& span) {
  if (token.begin == token.end) {
    return span.begin < token.begin && token.begin <= span.end;
  }
  return token.begin < span.end && token.end > span.begin;
}

Document ToDocument(Encoding encoding, const std::vector<ByteSpan>& learned) {
  Document document;
  document.ids = std::move(encoding.ids);
  document.trained.resize(document.ids.size());
  size_t next = 0;
  for (size_t i = 0; i < document.ids.size(); ++i) {
    const ByteSpan& token = encoding.offsets[i];
    while (next < learned.size() && learned[next].end < token.begin) ++next;
    // A token may reach over the end of one span into the next.
    for (size_t s = next; s < learned.size(); ++s) {
      if (learned[s].begin > token.end) break;
      if (IsInside(token, learned[s])) document.trained[i] = 1;
    }
  }
  return document;
}

v1::DataSpec::TrainOn DefaultTrainOn(Format format) {
  switch (format) {
    case v1::DataSource::FORMAT_MESSAGES:
      return v1::DataSpec::TRAIN_ON_ASSISTANT;
    case v1::DataSource::FORMAT_PROMPT_COMPLETION:
      return v1::DataSpec::TRAIN_ON_COMPLETION;
    default:
      return v1::DataSpec::TRAIN_ON_ALL;
  }
}

absl::Status NoSuchTrainOn(v1::DataSpec::TrainOn train_on,
                           absl::string_view rows) {
  return absl::InvalidArgumentError(
      absl::StrCat("data.train_on: ",
                   EnumYamlName(*v1::DataSpec::TrainOn_descriptor(), train_on),
                   " has no meaning for ", rows));
}

absl::Status NoChatTemplate() {
  return absl::FailedPreconditionError(
      "messages need a chat template, and the model has none; give "
      "model.chat_template");
}

// Which messages are learned; flags of a message win.
std::vector<bool> Select(const Conversation& conversation,
                         size_t prompt_messages,
                         v1::DataSpec::TrainOn train_on) {
  const size_t count = conversation.roles.size();
  size_t last_answer = count;
  for (size_t i = 0; i < count; ++i) {
    if (conversation.roles[i] == "assistant") last_answer = i;
  }
  std::vector<bool> selected(count);
  for (size_t i = 0; i < count; ++i) {
    bool learned = train_on == v1::DataSpec::TRAIN_ON_ALL;
    if (train_on == v1::DataSpec::TRAIN_ON_ASSISTANT) {
      learned = conversation.roles[i] == "assistant";
    } else if (train_on == v1::DataSpec::TRAIN_ON_COMPLETION) {
      learned = prompt_messages > 0 ? i >= prompt_messages : i == last_answer;
    }
    selected[i] = conversation.learn[i].value_or(learned);
  }
  return selected;
}

// All of the text but the messages that are not selected.
void LearnTheRest(LearnedText& rendered) {
  std::vector<ByteSpan> rest;
  int64_t from = 0;
  for (const ByteSpan& left_out : rendered.learned) {
    if (left_out.begin > from) rest.push_back({from, left_out.begin});
    from = left_out.end;
  }
  const auto end = static_cast<int64_t>(rendered.text.size());
  if (from < end) rest.push_back({from, end});
  rendered.learned = std::move(rest);
}

}  // namespace

RowTokenizer::RowTokenizer(RowTokenizerOptions options)
    : options_(std::move(options)),
      renderer_(options_.chat_template, options_.special_tokens, options_.now) {
}

v1::DataSpec::TrainOn RowTokenizer::TrainOn(Format format) const {
  return options_.train_on == v1::DataSpec::TRAIN_ON_UNSPECIFIED
             ? DefaultTrainOn(format)
             : options_.train_on;
}

absl::Status RowTokenizer::CheckFormat(Format format) const {
  const v1::DataSpec::TrainOn train_on = TrainOn(format);
  if (format == v1::DataSource::FORMAT_TEXT &&
      train_on != v1::DataSpec::TRAIN_ON_ALL) {
    return NoSuchTrainOn(train_on, "rows of format text");
  }
  if (format == v1::DataSource::FORMAT_MESSAGES &&
      options_.chat_template == nullptr) {
    return NoChatTemplate();
  }
  return absl::OkStatus();
}

std::string RowTokenizer::MaskSource(Format format) const {
  const v1::DataSpec::TrainOn train_on = TrainOn(format);
  if (train_on == v1::DataSpec::TRAIN_ON_ALL) return "all";
  if (format == v1::DataSource::FORMAT_PROMPT_COMPLETION &&
      train_on == v1::DataSpec::TRAIN_ON_COMPLETION) {
    return "completion";
  }
  return options_.chat_template != nullptr &&
                 options_.chat_template->marks_generation()
             ? "generation"
             : "prefix";
}

absl::StatusOr<Document> RowTokenizer::Tokenize(Format format,
                                                const Json& row) const {
  switch (format) {
    case v1::DataSource::FORMAT_MESSAGES: {
      ASSIGN_OR_RETURN(const Json* messages, Value(row, "messages"));
      Conversation conversation;
      RETURN_IF_ERROR(AppendMessages(*messages, "messages", conversation));
      return TokenizeConversation(row, std::move(conversation), 0);
    }
    case v1::DataSource::FORMAT_PROMPT_COMPLETION:
      return TokenizePromptCompletion(row);
    default: {
      ASSIGN_OR_RETURN(const std::string text, Text(row, "text"));
      return TokenizePlain(text, 0);
    }
  }
}

absl::StatusOr<Document> RowTokenizer::TokenizePromptCompletion(
    const Json& row) const {
  ASSIGN_OR_RETURN(const Json* prompt, Value(row, "prompt"));
  ASSIGN_OR_RETURN(const Json* completion, Value(row, "completion"));
  if (prompt->is_array() && completion->is_array()) {
    Conversation conversation;
    RETURN_IF_ERROR(AppendMessages(*prompt, "prompt", conversation));
    const size_t prompt_messages = conversation.roles.size();
    RETURN_IF_ERROR(AppendMessages(*completion, "completion", conversation));
    return TokenizeConversation(row, std::move(conversation), prompt_messages);
  }
  ASSIGN_OR_RETURN(const std::string prompt_text, Text(row, "prompt"));
  ASSIGN_OR_RETURN(const std::string completion_text, Text(row, "completion"));
  const auto train_on = TrainOn(v1::DataSource::FORMAT_PROMPT_COMPLETION);
  if (train_on == v1::DataSpec::TRAIN_ON_ASSISTANT) {
    return NoSuchTrainOn(train_on,
                         "a prompt and a completion that are strings");
  }
  const bool all = train_on == v1::DataSpec::TRAIN_ON_ALL;
  return TokenizePlain(prompt_text + completion_text,
                       all ? 0 : static_cast<int64_t>(prompt_text.size()));
}

absl::StatusOr<Document> RowTokenizer::TokenizeConversation(
    const Json& row, Conversation conversation, size_t prompt_messages) const {
  if (options_.chat_template == nullptr) return NoChatTemplate();
  RETURN_IF_ERROR(TakeTemplateArguments(row, conversation));
  const auto train_on =
      TrainOn(prompt_messages > 0 ? v1::DataSource::FORMAT_PROMPT_COMPLETION
                                  : v1::DataSource::FORMAT_MESSAGES);
  std::vector<bool> selected = Select(conversation, prompt_messages, train_on);
  // Of everything, the messages that are left out are what must be found.
  const bool all = train_on == v1::DataSpec::TRAIN_ON_ALL;
  if (all) selected.flip();
  ASSIGN_OR_RETURN(LearnedText rendered,
                   renderer_.Render(conversation, selected));
  if (all) LearnTheRest(rendered);
  ASSIGN_OR_RETURN(Encoding encoding, options_.tokenizer->Encode(
                                          rendered.text, SpecialTokens::kNone));
  return ToDocument(std::move(encoding), rendered.learned);
}

absl::StatusOr<Document> RowTokenizer::TokenizePlain(
    absl::string_view text, int64_t learned_from) const {
  ASSIGN_OR_RETURN(Encoding encoding,
                   options_.tokenizer->Encode(text, SpecialTokens::kAdd));
  Document document = ToDocument(
      std::move(encoding), {{learned_from, static_cast<int64_t>(text.size())}});
  if (!options_.eos_id.has_value()) return document;
  if (document.ids.empty() || document.ids.back() != *options_.eos_id) {
    document.ids.push_back(*options_.eos_id);
    document.trained.push_back(1);
  }
  document.trained.back() = 1;
  return document;
}

}  // namespace lockstep
