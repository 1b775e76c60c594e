#ifndef LOCKSTEP_WORKER_MODEL_LAYOUT_H_
#define LOCKSTEP_WORKER_MODEL_LAYOUT_H_

// Which matrices a model has, how they are fused, and which parameters are
// trained: plain data derived from the configuration, shared by those who
// load, train and save.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/qkv_layout.h"
#include "worker/model/model_config.h"
#include "worker/model/parameters.h"

namespace lockstep {

// One of the file's matrices inside a fused one: rows [row, row + rows).
struct LinearSegment {
  // Below "model.layers.N.": "self_attn.q_proj".
  std::string module;
  int64_t row = 0;
  int64_t rows = 0;
  // Whether it has an adapter; and then the adapter's first column in the tail
  // of the input.
  bool adapted = false;
  int64_t column = 0;
  // Its number among the kModulesPerBlock of a block, which names its dropout
  // mask.
  int64_t number = 0;
};

inline constexpr int64_t kModulesPerBlock = 7;

// y = x W^T (+ b), W being segments stacked by rows. Buffers of x and y have
// `tail` more columns than in and out: the adapters' h and dh.
struct LinearShape {
  int64_t in = 0;
  int64_t out = 0;
  int64_t tail = 0;
  bool has_bias = false;
  std::vector<LinearSegment> segments;
};

struct BlockShape {
  LinearShape qkv;
  LinearShape o;
  LinearShape gate_up;
  LinearShape down;

  std::array<const LinearShape*, 4> linears() const {
    return {&qkv, &o, &gate_up, &down};
  }
};

// Low-rank adapters: W + scale * B A (arXiv:2106.09685).
struct LoraOptions {
  int64_t r = 0;
  // alpha / r, or alpha / sqrt(r).
  double scale = 0;
  double dropout = 0;
  // Suffixes of module names ("q_proj"); "all-linear" is spelled out by
  // ResolveTargets.
  std::vector<std::string> target_modules;

  // Whether the blocks' frozen matrices are kept, and multiplied, in FP8.
  bool fp8_base = false;

  // Whether adapters are stored inside the frozen matrices, [[W, sB], [A, 0]],
  // so that they cost no product of their own. Dropout puts another input
  // before A than before W, and a rank above 64 costs more than it saves.
  bool concatenated() const { return r <= 64 && dropout == 0; }
};

// The modules that `target_modules` names, or all seven for {"all-linear"}.
// INVALID_ARGUMENT: a name that no module of these models ends in.
absl::StatusOr<std::vector<std::string>> ResolveTargets(
    const std::vector<std::string>& target_modules);

// `lora` may be null. Tails are filled up to a multiple of `tail_multiple`
// columns.
BlockShape MakeBlockShape(const ModelConfig& config, const LoraOptions* lora,
                          int64_t tail_multiple = 1);

// The embedding's weight.
inline constexpr char kEmbeddingName[] = "model.embed_tokens.weight";
// "model.layers.3.self_attn.q_proj".
std::string ModuleName(int64_t layer, const std::string& module);
// PEFT's: "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight".
std::string LoraAName(int64_t layer, const std::string& module);
std::string LoraBName(int64_t layer, const std::string& module);

// All adapters, ordered by name.
std::vector<Parameter> LoraParameters(const ModelConfig& config,
                                      const LoraOptions& lora);

// All weights of the model. Those of a fused matrix follow one another, so that
// the fused matrix is a view of the flat buffer and never a copy.
std::vector<Parameter> FullParameters(const ModelConfig& config);

// The columns of a row of q, k and v.
QkvLayout QkvLayoutOf(const ModelConfig& config);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_LAYOUT_H_
