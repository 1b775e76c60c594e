#ifndef LOCKSTEP_WORKER_MODEL_MODEL_CONFIG_H_
#define LOCKSTEP_WORKER_MODEL_MODEL_CONFIG_H_

// The shape and the constants of a model: what config.json says, with defaults
// filled in and both generations of its spelling made one (worker/io/hf_config
// reads it). A plain value without ATen, so that every folder of the worker
// may know it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lockstep {

struct ModelConfig {
  enum class Family { kLlama, kQwen2 };

  // Llama 3.1's frequencies: long waves are slowed by `factor`, short ones are
  // kept, those between are blended.
  struct Llama3RopeScaling {
    double factor = 8;
    double low_freq_factor = 1;
    double high_freq_factor = 4;
    int64_t original_max_position_embeddings = 8192;
  };

  Family family = Family::kLlama;
  // As config.json spells it: "llama" or "qwen2".
  std::string model_type = "llama";
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;
  int64_t num_kv_heads = 0;
  // Need not be hidden_size / num_heads.
  int64_t head_dim = 0;
  int64_t max_position_embeddings = 2048;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  std::optional<Llama3RopeScaling> rope_scaling;
  // lm_head.weight is model.embed_tokens.weight.
  bool tie_word_embeddings = false;
  // q, k and v projections have a bias (Qwen2); o has none.
  bool qkv_bias = false;
  // Standard deviation of a new model's weights.
  double initializer_range = 0.02;
  std::vector<int64_t> eos_token_ids;
  std::optional<int64_t> bos_token_id;
  std::optional<int64_t> pad_token_id;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_MODEL_CONFIG_H_
