#ifndef LOCKSTEP_WORKER_TEXT_TOKENIZER_TRAINING_H_
#define LOCKSTEP_WORKER_TEXT_TOKENIZER_TRAINING_H_

// Makes a byte-level BPE tokenizer from text: the library behind
// `lockstep-worker tokenizer train`. The same texts give the same bytes.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace lockstep {

// Special tokens that a trained tokenizer has, with ids from 0 in this order.
inline constexpr absl::string_view kEndOfText = "<|endoftext|>";
inline constexpr absl::string_view kTurnStart = "<|im_start|>";
inline constexpr absl::string_view kTurnEnd = "<|im_end|>";

// The tokenizer.json. INVALID_ARGUMENT: vocab_size below 259 (the bytes and
// the special tokens) or above 2^20, or no text.
absl::StatusOr<std::string> TrainByteLevelBpe(
    absl::Span<const std::string> texts, int64_t vocab_size);

struct TokenizerTrainingOptions {
  // *.jsonl: rows with a string "text" (other rows are an error naming file
  // and line); anything else: plain text.
  std::vector<std::string> files;
  int64_t vocab_size = 0;
  // Made when missing. Gets tokenizer.json and tokenizer_config.json, the
  // latter with a ChatML template that marks {% generation %};
  // transformers.AutoTokenizer loads the folder.
  std::string output_dir;
};

struct TrainedTokenizer {
  // May be less than asked for, when the text has too few pairs.
  int64_t vocab_size = 0;
  int64_t texts = 0;
  int64_t bytes = 0;
};

// NOT_FOUND, INVALID_ARGUMENT, or what writing fails with; existing tokenizer
// files in output_dir are replaced.
absl::StatusOr<TrainedTokenizer> TrainTokenizerFolder(
    const TokenizerTrainingOptions& options);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TEXT_TOKENIZER_TRAINING_H_
