#include "worker/io/hf_config.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxConfigBytes = 1 << 20;
// Bounds every size, so that products of them do not overflow.
constexpr int64_t kMaxSize = int64_t{1} << 24;
// Each costs a list entry a tensor before any is looked for.
constexpr int64_t kMaxLayers = 4096;

// Reads keys of one JSON object; remembers the first thing that is wrong, so
// that reading a config is a list of keys and not of ifs.
class KeyReader {
 public:
  KeyReader(const Json& object, std::string path, std::string prefix = "")
      : object_(object), path_(std::move(path)), prefix_(std::move(prefix)) {}

  const absl::Status& status() const { return status_; }

  bool Has(const char* key) const {
    return object_.contains(key) && !object_.at(key).is_null();
  }
  const Json& At(const char* key) const { return object_.at(key); }

  void Refuse(const char* key, absl::string_view allowed) {
    const std::string value = Has(key) ? At(key).dump() : "absent";
    Fail(absl::StrCat(path_, ": ", prefix_, key, ": ", value,
                      " is not supported; allowed: ", allowed));
  }

  int64_t Size(const char* key) {
    if (!Has(key) || !At(key).is_number_integer() ||
        At(key).get<int64_t>() < 1 || At(key).get<int64_t>() > kMaxSize) {
      Refuse(key, absl::StrCat("a number from 1 to ", kMaxSize));
      return 1;
    }
    return At(key).get<int64_t>();
  }
  int64_t Size(const char* key, int64_t fallback) {
    return Has(key) ? Size(key) : fallback;
  }

  double Positive(const char* key) {
    if (!Has(key) || !At(key).is_number() || !(At(key).get<double>() > 0) ||
        !std::isfinite(At(key).get<double>())) {
      Refuse(key, "a number above 0");
      return 1;
    }
    return At(key).get<double>();
  }
  double Positive(const char* key, double fallback) {
    return Has(key) ? Positive(key) : fallback;
  }

  bool Bool(const char* key, bool fallback) {
    if (!Has(key)) return fallback;
    if (!At(key).is_boolean()) {
      Refuse(key, "true or false");
      return fallback;
    }
    return At(key).get<bool>();
  }

  std::string Text(const char* key, std::string fallback) {
    if (!Has(key)) return fallback;
    if (!At(key).is_string()) {
      Refuse(key, "a string");
      return fallback;
    }
    return At(key).get<std::string>();
  }

  // Token ids: a number or a list of them.
  std::vector<int64_t> Ids(const char* key) {
    std::vector<int64_t> ids;
    if (!Has(key)) return ids;
    const Json list = At(key).is_array() ? At(key) : Json::array({At(key)});
    for (const Json& id : list) {
      if (!id.is_number_integer()) {
        Refuse(key, "a token id or a list of them");
        return {};
      }
      ids.push_back(id.get<int64_t>());
    }
    return ids;
  }

  void Fail(absl::string_view message) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(message);
  }

 private:
  const Json& object_;
  const std::string path_;
  const std::string prefix_;
  absl::Status status_;
};

void ReadFamily(KeyReader& keys, ModelConfig& config) {
  config.model_type = keys.Text("model_type", "");
  std::string architecture;
  if (config.model_type == "llama") {
    config.family = ModelConfig::Family::kLlama;
    architecture = "LlamaForCausalLM";
  } else if (config.model_type == "qwen2") {
    config.family = ModelConfig::Family::kQwen2;
    architecture = "Qwen2ForCausalLM";
  } else {
    keys.Refuse("model_type", "\"llama\", \"qwen2\"");
    return;
  }
  if (keys.Has("architectures") &&
      keys.At("architectures") != Json::array({architecture})) {
    keys.Refuse("architectures",
                absl::StrCat("[\"", architecture, "\"] for model_type ",
                             config.model_type));
  }
}

void ReadSizes(KeyReader& keys, ModelConfig& config) {
  config.vocab_size = keys.Size("vocab_size");
  config.hidden_size = keys.Size("hidden_size");
  config.intermediate_size = keys.Size("intermediate_size");
  config.num_layers = keys.Size("num_hidden_layers");
  if (config.num_layers > kMaxLayers) {
    keys.Refuse("num_hidden_layers",
                absl::StrCat("a number from 1 to ", kMaxLayers));
  }
  config.num_heads = keys.Size("num_attention_heads");
  config.num_kv_heads = keys.Size("num_key_value_heads", config.num_heads);
  if (config.num_heads % config.num_kv_heads != 0) {
    keys.Refuse("num_key_value_heads", "a divisor of num_attention_heads");
  }
  if (!keys.Has("head_dim") && config.hidden_size % config.num_heads != 0) {
    keys.Refuse("num_attention_heads",
                "a divisor of hidden_size, or give head_dim");
  }
  config.head_dim =
      keys.Size("head_dim", config.hidden_size / config.num_heads);
  if (config.head_dim % 2 != 0) keys.Refuse("head_dim", "an even number");
  config.max_position_embeddings = keys.Size("max_position_embeddings", 2048);
  config.rms_norm_eps = keys.Positive("rms_norm_eps", 1e-6);
  config.initializer_range = keys.Positive("initializer_range", 0.02);
  config.tie_word_embeddings = keys.Bool("tie_word_embeddings", false);
  config.eos_token_ids = keys.Ids("eos_token_id");
  const std::vector<int64_t> bos = keys.Ids("bos_token_id");
  if (!bos.empty()) config.bos_token_id = bos.front();
  const std::vector<int64_t> pad = keys.Ids("pad_token_id");
  if (!pad.empty()) config.pad_token_id = pad.front();
}

// The kind of rope, and its numbers: one object in both generations.
void ReadRopeObject(const Json& object, const std::string& path,
                    const char* name, KeyReader& outer, ModelConfig& config) {
  if (!object.is_object()) {
    outer.Refuse(name, "an object or null");
    return;
  }
  KeyReader keys(object, path, absl::StrCat(name, "."));
  const char* type_key = keys.Has("rope_type") ? "rope_type" : "type";
  const std::string type = keys.Text(type_key, "default");
  if (keys.Has("rope_theta")) config.rope_theta = keys.Positive("rope_theta");
  if (keys.Has("partial_rotary_factor") &&
      keys.Positive("partial_rotary_factor") != 1.0) {
    keys.Refuse("partial_rotary_factor", "1.0");
  }
  if (type == "llama3") {
    ModelConfig::Llama3RopeScaling scaling;
    scaling.factor = keys.Positive("factor");
    scaling.low_freq_factor = keys.Positive("low_freq_factor");
    scaling.high_freq_factor = keys.Positive("high_freq_factor");
    scaling.original_max_position_embeddings =
        keys.Size("original_max_position_embeddings");
    if (scaling.high_freq_factor <= scaling.low_freq_factor) {
      keys.Refuse("high_freq_factor", "more than low_freq_factor");
    }
    config.rope_scaling = scaling;
  } else if (type != "default") {
    keys.Refuse(type_key, "\"default\", \"llama3\"");
  }
  if (!keys.status().ok()) outer.Fail(keys.status().message());
}

void ReadRope(KeyReader& keys, const std::string& path, ModelConfig& config) {
  config.rope_theta = keys.Positive("rope_theta", 10000.0);
  if (keys.Has("rope_scaling")) {
    ReadRopeObject(keys.At("rope_scaling"), path, "rope_scaling", keys, config);
  }
  if (keys.Has("rope_parameters")) {
    ReadRopeObject(keys.At("rope_parameters"), path, "rope_parameters", keys,
                   config);
  }
}

// Keys whose other values would make another model of it.
void RefuseOtherMaths(KeyReader& keys, const ModelConfig& config) {
  if (keys.Text("hidden_act", "silu") != "silu") {
    keys.Refuse("hidden_act", "\"silu\"");
  }
  for (const char* key : {"mlp_bias", "attention_bias"}) {
    if (keys.Bool(key, false)) keys.Refuse(key, "false");
  }
  if (keys.Has("attention_dropout") && keys.At("attention_dropout") != 0) {
    keys.Refuse("attention_dropout", "0.0");
  }
  if (keys.Has("quantization_config")) {
    keys.Refuse("quantization_config", "null: give the model it was made from");
  }
  if (keys.Has("partial_rotary_factor") &&
      keys.Positive("partial_rotary_factor") != 1.0) {
    keys.Refuse("partial_rotary_factor", "1.0");
  }
  if (keys.Bool("use_sliding_window", false)) {
    keys.Refuse("use_sliding_window", "false");
  }
  // Qwen2 keeps a width that use_sliding_window turns off; for Llama a width
  // would be in use.
  if (config.family == ModelConfig::Family::kLlama &&
      keys.Has("sliding_window")) {
    keys.Refuse("sliding_window", "null");
  }
  if (keys.Has("layer_types")) {
    const Json& types = keys.At("layer_types");
    if (!types.is_array() ||
        !std::all_of(types.begin(), types.end(), [](const Json& type) {
          return type == "full_attention";
        })) {
      keys.Refuse("layer_types", "\"full_attention\" in every layer");
    }
  }
}

}  // namespace

absl::StatusOr<ModelConfig> ParseModelConfig(absl::string_view text,
                                             const std::string& path) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr,
                                /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not a JSON object"));
  }
  ModelConfig config;
  KeyReader keys(json, path);
  ReadFamily(keys, config);
  RETURN_IF_ERROR(keys.status());
  config.qkv_bias = config.family == ModelConfig::Family::kQwen2;
  ReadSizes(keys, config);
  ReadRope(keys, path, config);
  RefuseOtherMaths(keys, config);
  RETURN_IF_ERROR(keys.status());
  return config;
}

absl::StatusOr<ModelConfig> ReadModelConfig(const std::string& model_dir) {
  const std::string path = JoinPath(model_dir, "config.json");
  ASSIGN_OR_RETURN(const std::string text,
                   ReadWholeFile(path, kMaxConfigBytes));
  return ParseModelConfig(text, path);
}

}  // namespace lockstep
