#include "worker/export/init_model.h"

#include <cmath>
#include <numbers>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/hf_config.h"
#include "worker/io/model_folder.h"
#include "worker/io/sharded_writer.h"
#include "worker/io/weight_map.h"
#include "worker/text/tokenizer_folder.h"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

// Box and Muller's; the standard's distribution differs between libraries.
class NormalNumbers {
 public:
  explicit NormalNumbers(uint64_t seed) : bits_(seed) {}

  double Next() {
    if (has_second_) {
      has_second_ = false;
      return second_;
    }
    // 1 - u is never 0.
    const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
    const double angle = 2.0 * std::numbers::pi * Uniform();
    second_ = radius * std::sin(angle);
    has_second_ = true;
    return radius * std::cos(angle);
  }

 private:
  // In [0, 1), from 53 bits.
  double Uniform() { return static_cast<double>(bits_() >> 11) * 0x1p-53; }

  std::mt19937_64 bits_;
  double second_ = 0;
  bool has_second_ = false;
};

absl::Status CheckPositive(const char* flag, int64_t value) {
  if (value > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(flag, ": ", value, " is not above 0"));
}

absl::Status CheckOptions(const InitModelOptions& options) {
  if (options.architecture != "llama" && options.architecture != "qwen2") {
    return absl::InvalidArgumentError(
        absl::StrCat("--architecture: \"", options.architecture,
                     "\" is not one of llama, qwen2"));
  }
  RETURN_IF_ERROR(CheckPositive("--hidden-size", options.hidden_size));
  RETURN_IF_ERROR(CheckPositive("--layers", options.layers));
  RETURN_IF_ERROR(CheckPositive("--heads", options.heads));
  RETURN_IF_ERROR(
      CheckPositive("--intermediate-size", options.intermediate_size));
  return CheckPositive("--max-position-embeddings",
                       options.max_position_embeddings);
}

Json TokenId(const TokenizerFolder& folder, const std::string& name) {
  const auto it = folder.special_tokens.find(name);
  if (it == folder.special_tokens.end()) return nullptr;
  const std::optional<int32_t> id = folder.tokenizer.TokenToId(it->second);
  return id.has_value() ? Json(*id) : Json(nullptr);
}

// In the spelling of Transformers 4, which 5 reads too.
Json MakeConfig(const InitModelOptions& options,
                const TokenizerFolder& tokenizer) {
  const bool llama = options.architecture == "llama";
  const int64_t kv_heads =
      options.kv_heads > 0 ? options.kv_heads : options.heads;
  Json config = {
      {"architectures", {llama ? "LlamaForCausalLM" : "Qwen2ForCausalLM"}},
      {"attention_dropout", 0.0},
      {"bos_token_id", TokenId(tokenizer, "bos_token")},
      {"eos_token_id", TokenId(tokenizer, "eos_token")},
      {"hidden_act", "silu"},
      {"hidden_size", options.hidden_size},
      {"initializer_range", 0.02},
      {"intermediate_size", options.intermediate_size},
      {"max_position_embeddings", options.max_position_embeddings},
      {"model_type", options.architecture},
      {"num_attention_heads", options.heads},
      {"num_hidden_layers", options.layers},
      {"num_key_value_heads", kv_heads},
      {"pad_token_id", TokenId(tokenizer, "pad_token")},
      {"rms_norm_eps", 1e-6},
      {"rope_scaling", nullptr},
      {"rope_theta", 10000.0},
      {"tie_word_embeddings", options.tie_word_embeddings},
      {"torch_dtype", "float32"},
      {"use_cache", true},
      {"vocab_size", tokenizer.tokenizer.vocab_size()}};
  if (llama) {
    config["attention_bias"] = false;
    config["mlp_bias"] = false;
  }
  return config;
}

absl::Status WriteWeights(const ModelConfig& config, uint64_t seed,
                          const std::string& dir) {
  std::vector<TensorSpec> specs;
  for (ExpectedTensor& tensor : ExpectedTensors(config)) {
    specs.push_back({std::move(tensor.name), "F32", std::move(tensor.shape)});
  }
  ShardedWriter writer(dir, "model", specs, kMaxShardBytes);
  NormalNumbers normal(seed);
  std::vector<float> values;
  for (const TensorSpec& tensor : specs) {
    const bool is_norm = absl::EndsWith(tensor.name, "norm.weight");
    values.assign(static_cast<size_t>(NumElements(tensor.shape)),
                  is_norm ? 1.0f : 0.0f);
    if (tensor.shape.size() == 2) {
      for (float& value : values) {
        value = static_cast<float>(config.initializer_range * normal.Next());
      }
    }
    RETURN_IF_ERROR(writer.Append(values.data()));
  }
  return writer.Finish().status();
}

}  // namespace

absl::Status InitModel(const InitModelOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(const TokenizerFolder tokenizer,
                   LoadTokenizerFolder(options.tokenizer));
  const std::string text = MakeConfig(options, tokenizer).dump(2) + "\n";
  // Whatever is wrong with the sizes is found as in anybody's config.json.
  ASSIGN_OR_RETURN(
      const ModelConfig config,
      ParseModelConfig(text, JoinPath(options.output, "config.json")));
  return WriteFolder(options.output, [&](const std::string& dir) {
    RETURN_IF_ERROR(WriteWeights(config, options.seed, dir));
    RETURN_IF_ERROR(CopyTokenizerFiles(options.tokenizer, dir));
    return WriteWholeFile(JoinPath(dir, "config.json"), text, /*sync=*/true);
  });
}

}  // namespace lockstep
