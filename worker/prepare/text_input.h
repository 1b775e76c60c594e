#ifndef LOCKSTEP_WORKER_PREPARE_TEXT_INPUT_H_
#define LOCKSTEP_WORKER_PREPARE_TEXT_INPUT_H_

// The tokenizer and the chat template of a job, loaded once.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "worker/data/row_tokenizer.h"
#include "worker/model/model_config.h"
#include "worker/text/chat_template.h"
#include "worker/text/tokenizer_folder.h"

namespace lockstep {

struct TextInput {
  TokenizerFolder folder;
  // The spec's own, else the model's; absent when neither has one.
  std::optional<std::string> template_source;
  // Compiled; absent also when the model's own does not compile, which matters
  // to rows of messages only: template_problem then says why.
  std::optional<ChatTemplate> chat_template;
  absl::Status template_problem;
  // The tokenizer's, else config.json's.
  std::optional<int32_t> eos_id;
  // What strftime_now shows: the day that prepare ran.
  absl::Time now;
};

// Errors begin with the field: model.path or model.chat_template.
absl::StatusOr<TextInput> LoadTextInput(const v1::JobSpec& spec,
                                        const ModelConfig& config,
                                        absl::Time now);

// Borrows from `input`.
RowTokenizer MakeRowTokenizer(const v1::JobSpec& spec, const TextInput& input);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_TEXT_INPUT_H_
