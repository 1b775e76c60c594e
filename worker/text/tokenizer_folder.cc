#include "worker/text/tokenizer_folder.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"
#include "worker/text/text_file.h"

namespace lockstep {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxConfigBytes = 8 << 20;

// Null when there is no such file.
absl::StatusOr<Json> ReadJsonIfPresent(const std::string& path) {
  absl::StatusOr<std::string> text = ReadTextFile(path, kMaxConfigBytes);
  if (absl::IsNotFound(text.status())) return Json();
  RETURN_IF_ERROR(text.status());
  Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not a JSON object"));
  }
  return json;
}

// "<s>", or {"content": "<s>", ...}.
std::optional<std::string> TokenText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_object()) return std::nullopt;
  const auto content = value.find("content");
  if (content == value.end() || !content->is_string()) return std::nullopt;
  return content->get<std::string>();
}

void CollectSpecialTokens(const Json& config,
                          std::map<std::string, std::string>& tokens) {
  if (!config.is_object()) return;
  for (const auto& [key, value] : config.items()) {
    if (!absl::EndsWith(key, "_token")) continue;
    if (const auto text = TokenText(value)) tokens.emplace(key, *text);
  }
}

// A string, or [{"name": "default", "template": "..."}, ...].
absl::StatusOr<std::optional<std::string>> TemplateOfConfig(
    const std::string& path, const Json& config) {
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (found->is_array()) {
    for (const Json& entry : *found) {
      if (entry.is_object() && entry.value("name", Json()) == "default" &&
          entry.value("template", Json()).is_string()) {
        return entry["template"].get<std::string>();
      }
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      path,
      ": chat_template is neither a string nor a list with a template "
      "named \"default\""));
}

absl::StatusOr<std::optional<std::string>> FindTemplate(const std::string& dir,
                                                        const Json& config) {
  absl::StatusOr<std::string> file =
      ReadTextFile(absl::StrCat(dir, "/chat_template.jinja"), kMaxConfigBytes);
  if (file.ok()) return *std::move(file);
  if (!absl::IsNotFound(file.status())) return file.status();
  if (!config.is_object()) return std::nullopt;
  return TemplateOfConfig(absl::StrCat(dir, "/tokenizer_config.json"), config);
}

}  // namespace

absl::StatusOr<TokenizerFolder> LoadTokenizerFolder(const std::string& dir) {
  ASSIGN_OR_RETURN(Tokenizer tokenizer,
                   Tokenizer::FromFile(absl::StrCat(dir, "/tokenizer.json")));
  ASSIGN_OR_RETURN(const Json config, ReadJsonIfPresent(absl::StrCat(
                                          dir, "/tokenizer_config.json")));
  ASSIGN_OR_RETURN(const Json special, ReadJsonIfPresent(absl::StrCat(
                                           dir, "/special_tokens_map.json")));
  TokenizerFolder folder{std::move(tokenizer), {}, {}, {}};
  CollectSpecialTokens(config, folder.special_tokens);
  CollectSpecialTokens(special, folder.special_tokens);
  const auto eos = folder.special_tokens.find("eos_token");
  if (eos != folder.special_tokens.end()) {
    folder.eos_id = folder.tokenizer.TokenToId(eos->second);
  }
  ASSIGN_OR_RETURN(folder.chat_template, FindTemplate(dir, config));
  return folder;
}

}  // namespace lockstep
