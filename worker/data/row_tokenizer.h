#ifndef LOCKSTEP_WORKER_DATA_ROW_TOKENIZER_H_
#define LOCKSTEP_WORKER_DATA_ROW_TOKENIZER_H_

// Turns one row into one document: which text, which ids, which of them are
// learned.
//
//   messages           the chat template's rendering, nothing added. Learned:
//                      what the assistant says (see chat.h)
//   prompt_completion  two strings, concatenated as they are, BOS as the
//                      tokenizer does, EOS appended if absent; or two lists of
//                      messages, rendered. Learned: the completion
//   text               the string, EOS appended if absent. Learned: all
//
// Thread-safe: all methods are const.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "nlohmann/json.hpp"
#include "worker/data/chat.h"
#include "worker/data/chat_messages.h"
#include "worker/data/token_cache.h"
#include "worker/text/chat_template.h"
#include "worker/text/tokenizer.h"

namespace lockstep {

struct RowTokenizerOptions {
  // Borrowed.
  const Tokenizer* tokenizer = nullptr;
  // Borrowed; null: the model has none, and messages are refused.
  const ChatTemplate* chat_template = nullptr;
  // What templates see beside the messages: bos_token, eos_token, ...
  std::map<std::string, std::string> special_tokens;
  // Appended where a document must end; none: nothing is.
  std::optional<int32_t> eos_id;
  // Unset: assistant, completion or all, by the format.
  v1::DataSpec::TrainOn train_on = v1::DataSpec::TRAIN_ON_UNSPECIFIED;
  // What strftime_now shows: frozen, so that data are reproducible.
  absl::Time now;
};

class RowTokenizer {
 public:
  explicit RowTokenizer(RowTokenizerOptions options);

  // Whether rows of this format can be tokenised with these options.
  // INVALID_ARGUMENT: a train_on that the format has no notion of;
  // FAILED_PRECONDITION: messages without a chat template.
  absl::Status CheckFormat(v1::DataSource::Format format) const;

  // A whole document, however long. INVALID_ARGUMENT says what is wrong with
  // the row; the caller knows where it lies.
  absl::StatusOr<Document> Tokenize(v1::DataSource::Format format,
                                    const nlohmann::ordered_json& row) const;

  // How learned tokens are found: generation, prefix, completion or all.
  std::string MaskSource(v1::DataSource::Format format) const;

 private:
  v1::DataSpec::TrainOn TrainOn(v1::DataSource::Format format) const;
  absl::StatusOr<Document> TokenizePromptCompletion(
      const nlohmann::ordered_json& row) const;
  // `prompt_messages` of a row of format messages is 0.
  absl::StatusOr<Document> TokenizeConversation(
      const nlohmann::ordered_json& row, Conversation conversation,
      size_t prompt_messages) const;
  // Of `text`, learned from byte `learned_from` on, with EOS.
  absl::StatusOr<Document> TokenizePlain(absl::string_view text,
                                         int64_t learned_from) const;

  RowTokenizerOptions options_;
  ChatRenderer renderer_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_DATA_ROW_TOKENIZER_H_
