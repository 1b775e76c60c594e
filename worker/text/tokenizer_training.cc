#include "worker/text/tokenizer_training.h"

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"
#include "worker/text/shim_values.h"
#include "worker/text/text_file.h"
#include "worker/text/tokenizer.h"
#include "worker/text/training_texts.h"

namespace lockstep {
namespace {

constexpr absl::string_view kSpecialTokens[] = {kEndOfText, kTurnStart,
                                                kTurnEnd};
constexpr int64_t kMinVocabSize = 256 + std::size(kSpecialTokens);
constexpr int64_t kMaxVocabSize = 1 << 20;

constexpr char kChatMl[] = R"({%- for message in messages %}
    {{- '<|im_start|>' + message['role'] + '\n' }}
    {%- if message['role'] == 'assistant' %}
        {%- generation %}
            {{- message['content'] + '<|im_end|>' }}
        {%- endgeneration %}
    {%- else %}
        {{- message['content'] + '<|im_end|>' }}
    {%- endif %}
    {{- '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
)";

std::string TokenizerConfig() {
  const nlohmann::ordered_json config = {
      {"bos_token", nullptr},
      {"chat_template", kChatMl},
      {"clean_up_tokenization_spaces", false},
      {"eos_token", std::string(kEndOfText)},
      {"pad_token", std::string(kEndOfText)},
      {"tokenizer_class", "PreTrainedTokenizerFast"},
  };
  return config.dump(2) + "\n";
}

std::vector<lockstep_view> ToViews(absl::Span<const std::string> texts) {
  std::vector<lockstep_view> views;
  views.reserve(texts.size());
  for (const std::string& text : texts) views.push_back(ToView(text));
  return views;
}

absl::Status MakeOutputFolder(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (!error) return absl::OkStatus();
  const std::string message =
      absl::StrCat(dir, ": cannot be made: ", error.message());
  return error.value() == EACCES || error.value() == EROFS
             ? absl::PermissionDeniedError(message)
             : absl::InvalidArgumentError(message);
}

}  // namespace

absl::StatusOr<std::string> TrainByteLevelBpe(
    absl::Span<const std::string> texts, int64_t vocab_size) {
  if (vocab_size < kMinVocabSize || vocab_size > kMaxVocabSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("vocab_size ", vocab_size, " is not in [", kMinVocabSize,
                     ", ", kMaxVocabSize, "]"));
  }
  if (texts.empty()) return absl::InvalidArgumentError("no text to train on");
  const std::vector<lockstep_view> views = ToViews(texts);
  std::vector<lockstep_view> special;
  for (const absl::string_view token : kSpecialTokens) {
    special.push_back(ToView(token));
  }
  lockstep_text json;
  lockstep_text error;
  if (!lockstep_train_byte_level_bpe(
          views.data(), views.size(), static_cast<uint64_t>(vocab_size),
          special.data(), special.size(), &json, &error)) {
    return TakeError(error);
  }
  return TakeText(json);
}

absl::StatusOr<TrainedTokenizer> TrainTokenizerFolder(
    const TokenizerTrainingOptions& options) {
  std::vector<std::string> texts;
  for (const std::string& file : options.files) {
    ASSIGN_OR_RETURN(std::vector<std::string> more, ReadTrainingTexts(file));
    texts.insert(texts.end(), std::make_move_iterator(more.begin()),
                 std::make_move_iterator(more.end()));
  }
  ASSIGN_OR_RETURN(const std::string json,
                   TrainByteLevelBpe(texts, options.vocab_size));
  ASSIGN_OR_RETURN(const Tokenizer tokenizer, Tokenizer::FromJson(json));

  const std::string& dir = options.output_dir;
  RETURN_IF_ERROR(MakeOutputFolder(dir));
  RETURN_IF_ERROR(WriteTextFile(absl::StrCat(dir, "/tokenizer.json"), json));
  RETURN_IF_ERROR(WriteTextFile(absl::StrCat(dir, "/tokenizer_config.json"),
                                TokenizerConfig()));
  TrainedTokenizer result;
  result.vocab_size = tokenizer.vocab_size();
  result.texts = static_cast<int64_t>(texts.size());
  for (const std::string& text : texts) {
    result.bytes += static_cast<int64_t>(text.size());
  }
  return result;
}

}  // namespace lockstep
