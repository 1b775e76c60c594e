#include "worker/prepare/text_input.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/prepare/field.h"

namespace lockstep {
namespace {

absl::Status CompileTemplate(const v1::JobSpec& spec, TextInput* input) {
  const bool own = spec.model().has_chat_template();
  if (own) {
    input->template_source = spec.model().chat_template();
  } else {
    input->template_source = input->folder.chat_template;
  }
  if (!input->template_source.has_value()) return absl::OkStatus();
  absl::StatusOr<ChatTemplate> compiled =
      ChatTemplate::Compile(*input->template_source);
  if (compiled.ok()) {
    input->chat_template = *std::move(compiled);
    return absl::OkStatus();
  }
  if (own) return InField("model.chat_template", compiled.status());
  input->template_problem =
      InField(absl::StrCat("the chat template of ", spec.model().path()),
              compiled.status());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TextInput> LoadTextInput(const v1::JobSpec& spec,
                                        const ModelConfig& config,
                                        absl::Time now) {
  absl::StatusOr<TokenizerFolder> folder =
      LoadTokenizerFolder(spec.model().path());
  if (!folder.ok()) return InField("model.path", folder.status());
  TextInput input{.folder = *std::move(folder)};
  input.eos_id = input.folder.eos_id;
  if (!input.eos_id.has_value() && !config.eos_token_ids.empty()) {
    input.eos_id = static_cast<int32_t>(config.eos_token_ids.front());
  }
  const absl::TimeZone utc = absl::UTCTimeZone();
  input.now = absl::FromCivil(absl::ToCivilDay(now, utc), utc);
  absl::Status status = CompileTemplate(spec, &input);
  if (!status.ok()) return status;
  return input;
}

RowTokenizer MakeRowTokenizer(const v1::JobSpec& spec, const TextInput& input) {
  RowTokenizerOptions options;
  options.tokenizer = &input.folder.tokenizer;
  options.chat_template =
      input.chat_template.has_value() ? &*input.chat_template : nullptr;
  options.special_tokens = input.folder.special_tokens;
  options.eos_id = input.eos_id;
  options.train_on = spec.data().train_on();
  options.now = input.now;
  return RowTokenizer(std::move(options));
}

}  // namespace lockstep
