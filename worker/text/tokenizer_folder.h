#ifndef LOCKSTEP_WORKER_TEXT_TOKENIZER_FOLDER_H_
#define LOCKSTEP_WORKER_TEXT_TOKENIZER_FOLDER_H_

// What a model folder says about text: tokenizer.json, the special tokens of
// tokenizer_config.json (or special_tokens_map.json), and the chat template,
// from chat_template.jinja or, in its absence, the config.

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "worker/text/tokenizer.h"

namespace lockstep {

struct TokenizerFolder {
  Tokenizer tokenizer;
  // "bos_token" -> "<s>", ...: those that are set. Chat templates see them.
  std::map<std::string, std::string> special_tokens;
  // Of eos_token, when it is set and in the vocabulary.
  std::optional<int32_t> eos_id;
  // Of several named templates, the one named "default".
  std::optional<std::string> chat_template;
};

// NOT_FOUND: no tokenizer.json (the other files may be missing).
// INVALID_ARGUMENT names the file and what is wrong in it.
absl::StatusOr<TokenizerFolder> LoadTokenizerFolder(const std::string& dir);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TEXT_TOKENIZER_FOLDER_H_
