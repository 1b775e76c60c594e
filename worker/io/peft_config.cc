#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/peft_adapter.h"

namespace lockstep {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxPeftConfigBytes = 1 << 20;
constexpr int64_t kMaxRank = 1 << 16;
// What our adapters are compatible with.
constexpr char kPeftVersion[] = "0.21.2";

// Keys that ask for something we do not build, unless they have one of the
// values (null is always one).
struct Neutral {
  const char* key;
  std::vector<Json> values;
};

const std::vector<Neutral>& NeutralKeys() {
  static const auto* const keys = new std::vector<Neutral>{
      {"peft_type", {"LORA"}},
      {"task_type", {"CAUSAL_LM"}},
      {"bias", {"none"}},
      {"fan_in_fan_out", {false}},
      // The others (pissa, olora, ...) change the base as well.
      {"init_lora_weights", {true, false, "gaussian", "orthogonal", "eva"}},
      {"megatron_config", {}},
      {"lora_bias", {false}},
      {"use_dora", {false}},
      {"use_qalora", {false}},
      {"use_bdlora", {}},
      {"modules_to_save", {Json::array()}},
      {"exclude_modules", {Json::array()}},
      {"layers_to_transform", {Json::array()}},
      {"layers_pattern", {Json::array()}},
      {"layer_replication", {Json::array()}},
      {"rank_pattern", {Json::object()}},
      {"alpha_pattern", {Json::object()}},
      {"trainable_token_indices", {Json::array()}},
      {"target_parameters", {Json::array()}},
      {"alora_invocation_tokens", {Json::array()}},
      {"arrow_config", {}},
      {"kasa_config", {}},
      {"monteclora_config", {}},
      {"velora_config", {}}};
  return *keys;
}

absl::Status Refuse(const std::string& path, const char* key, const Json& json,
                    absl::string_view allowed) {
  const std::string value = json.contains(key) ? json.at(key).dump() : "absent";
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": ", key, ": ", value, " is not supported; allowed: ", allowed));
}

absl::Status CheckNeutralKeys(const Json& json, const std::string& path) {
  for (const Neutral& neutral : NeutralKeys()) {
    if (!json.contains(neutral.key) || json[neutral.key].is_null()) continue;
    const std::vector<Json>& values = neutral.values;
    if (std::find(values.begin(), values.end(), json[neutral.key]) !=
        values.end()) {
      continue;
    }
    return Refuse(path, neutral.key, json,
                  values.empty() ? "null" : values.front().dump());
  }
  if (!json.contains("peft_type")) {
    return Refuse(path, "peft_type", json, "\"LORA\"");
  }
  return absl::OkStatus();
}

const std::vector<std::string>& Modules() {
  static const auto* const modules =
      new std::vector<std::string>{"down_proj", "gate_proj", "k_proj", "o_proj",
                                   "q_proj",    "up_proj",   "v_proj"};
  return *modules;
}

absl::StatusOr<std::vector<std::string>> ReadTargets(const Json& json,
                                                     const std::string& path) {
  const Json targets = json.value("target_modules", Json());
  if (targets == "all-linear") return Modules();
  const std::string allowed = absl::StrCat("\"all-linear\" or a list of ",
                                           absl::StrJoin(Modules(), ", "));
  std::vector<std::string> names;
  for (const Json& target : targets.is_array() ? targets : Json::array()) {
    if (!target.is_string() ||
        std::find(Modules().begin(), Modules().end(),
                  target.get_ref<const std::string&>()) == Modules().end()) {
      return Refuse(path, "target_modules", json, allowed);
    }
    names.push_back(target.get<std::string>());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.empty()) return Refuse(path, "target_modules", json, allowed);
  return names;
}

absl::StatusOr<double> ReadNumber(const Json& json, const char* key,
                                  double fallback, const std::string& path) {
  if (!json.contains(key) || json[key].is_null()) return fallback;
  const Json& value = json[key];
  if (!value.is_number() || !std::isfinite(value.get<double>()) ||
      value.get<double>() < 0) {
    return Refuse(path, key, json, "a number from 0");
  }
  return value.get<double>();
}

// 16 and not 16.0, as Python writes an int.
Json AsNumber(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) {
    return static_cast<int64_t>(value);
  }
  return value;
}

}  // namespace

double PeftConfig::scale() const {
  return lora_alpha / (use_rslora ? std::sqrt(static_cast<double>(r))
                                  : static_cast<double>(r));
}

std::string PeftConfigToJson(const PeftConfig& config) {
  Json json = {
      {"auto_mapping", nullptr},
      {"base_model_name_or_path", config.base_model_name_or_path},
      {"corda_config", nullptr},
      {"ensure_weight_tying", false},
      {"eva_config", nullptr},
      {"inference_mode", true},
      {"loftq_config", Json::object()},
      {"lora_alpha", AsNumber(config.lora_alpha)},
      {"lora_dropout", config.lora_dropout},
      {"lora_ga_config", nullptr},
      {"megatron_core", "megatron.core"},
      {"peft_version", kPeftVersion},
      {"qalora_group_size", 16},
      {"r", config.r},
      {"revision", config.revision.empty() ? Json() : Json(config.revision)},
      {"target_modules", config.target_modules},
      {"use_rslora", config.use_rslora}};
  for (const Neutral& neutral : NeutralKeys()) {
    const bool has_value =
        !neutral.values.empty() && !neutral.values.front().is_array();
    json[neutral.key] = has_value ? neutral.values.front() : Json();
  }
  // A path need not be UTF-8; JSON must.
  return json.dump(2, ' ', /*ensure_ascii=*/false,
                   Json::error_handler_t::replace);
}

absl::StatusOr<PeftConfig> ParsePeftConfig(absl::string_view text,
                                           const std::string& path) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr,
                                /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not a JSON object"));
  }
  RETURN_IF_ERROR(CheckNeutralKeys(json, path));
  PeftConfig config;
  const Json r = json.value("r", Json());
  if (!r.is_number_integer() || r < 1 || r > kMaxRank) {
    return Refuse(path, "r", json,
                  absl::StrCat("a number from 1 to ", kMaxRank));
  }
  config.r = r.get<int64_t>();
  ASSIGN_OR_RETURN(config.lora_alpha,
                   ReadNumber(json, "lora_alpha", config.lora_alpha, path));
  ASSIGN_OR_RETURN(config.lora_dropout,
                   ReadNumber(json, "lora_dropout", 0, path));
  if (config.lora_dropout >= 1) {
    return Refuse(path, "lora_dropout", json, "a number from 0 to below 1");
  }
  const Json rslora = json.value("use_rslora", Json());
  if (!rslora.is_null() && !rslora.is_boolean()) {
    return Refuse(path, "use_rslora", json, "true or false");
  }
  config.use_rslora = rslora == true;
  ASSIGN_OR_RETURN(config.target_modules, ReadTargets(json, path));
  const Json base = json.value("base_model_name_or_path", Json());
  if (base.is_string()) config.base_model_name_or_path = base;
  const Json revision = json.value("revision", Json());
  if (revision.is_string()) config.revision = revision;
  return config;
}

absl::StatusOr<PeftConfig> ReadPeftConfig(const std::string& dir) {
  const std::string path = JoinPath(dir, kAdapterConfigFile);
  ASSIGN_OR_RETURN(const std::string text,
                   ReadWholeFile(path, kMaxPeftConfigBytes));
  return ParsePeftConfig(text, path);
}

}  // namespace lockstep
