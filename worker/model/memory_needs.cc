#include "worker/model/memory_needs.h"

#include <algorithm>

#include "kernels/rms_norm.h"
#include "worker/memory/arena.h"
#include "worker/model/frozen_weights.h"
#include "worker/model/gpu_attention.h"
#include "worker/model/head.h"
#include "worker/model/input_rows.h"
#include "worker/model/layout.h"
#include "worker/model/parameters.h"

namespace lockstep {
namespace {

int64_t FrozenBytes(const ModelConfig& config, const Method& method,
                    const Placement& placement) {
  if (method.kind == Method::Kind::kFull) return 0;
  Arena measure;
  CarveFrozenWeights(config, BlockShapeOf(config, method, placement),
                     method.adapters(), placement.compute, measure);
  return measure.peak_bytes();
}

int64_t TrainedWeights(const ModelConfig& config, const Method& method) {
  if (method.kind == Method::Kind::kFrozen) return 0;
  int64_t weights = 0;
  for (const Parameter& parameter : method.kind == Method::Kind::kFull
                                        ? FullParameters(config)
                                        : LoraParameters(config, method.lora)) {
    weights += parameter.size();
  }
  return weights;
}

void AddTrained(const ModelConfig& config, const Method& method,
                const Placement& placement, MemoryPlan& plan) {
  constexpr int64_t kFloat = sizeof(float);
  const int64_t weights = TrainedWeights(config, method);
  if (weights == 0) return;
  plan.push_back({"trained weights", weights * kFloat});
  if (HasComputedCopy(method, placement)) {
    const auto element =
        static_cast<int64_t>(c10::elementSize(placement.compute));
    plan.push_back({"copy to compute with", weights * element});
  }
  plan.push_back({"gradients", (weights + Parameters::kTailFloats) * kFloat});
  plan.push_back({"optimizer", 2 * weights * kFloat});
}

// What the plan cannot cut from an arena.
void AddGpu(const ModelConfig& config, const TransformerOptions& options,
            MemoryPlan& plan) {
  if (const int64_t flash =
          GpuAttention::FlashBytes(QkvLayoutOf(config), options.attention())) {
    plan.push_back({"FlashAttention-2", flash});
  }
  plan.push_back({"CUDA and its libraries", kCudaBytes});
}

}  // namespace

StepShape StepShapeOf(const ModelConfig& config, const Method& method,
                      const Placement& placement,
                      const TransformerOptions& options) {
  const LoraOptions* lora = method.adapters();
  const bool gpu = !placement.device.is_cpu();
  return StepShape{
      .max_tokens = options.max_tokens,
      .compute = placement.compute,
      .backward = options.backward,
      .dropout = options.backward && lora != nullptr && lora->dropout > 0,
      .fp8 = lora != nullptr && lora->fp8_base,
      .fp8_tails = lora != nullptr && lora->fp8_base && lora->concatenated(),
      .recompute = options.recompute,
      .offload_residual =
          gpu && options.backward && options.recompute == Recompute::kBlock,
      .attention_work_bytes = gpu ? GpuAttention::WorkBytes(QkvLayoutOf(config),
                                                            options.attention())
                                  : 0,
      .norm_scratch_floats =
          gpu && options.backward && method.kind == Method::Kind::kFull
              ? RmsNormBackwardScratch(options.max_tokens, config.hidden_size)
              : 0,
      .gathered_ranks =
          options.backward &&
                  LeavesInputRowsApart(config, method, placement,
                                       options.max_tokens, options.ranks)
              ? options.ranks
              : 0,
      .logits_rows =
          Head::ChunkRows(placement, config.vocab_size, options.max_tokens),
  };
}

MemoryPlan PlanMemory(const ModelConfig& config, const Method& method,
                      const Placement& placement,
                      const TransformerOptions& options) {
  MemoryPlan plan;
  if (const int64_t frozen = FrozenBytes(config, method, placement)) {
    plan.push_back({"frozen weights", frozen});
  }
  AddTrained(config, method, placement, plan);
  Arena measure;
  CarveStepBuffers(config, BlockShapeOf(config, method, placement),
                   StepShapeOf(config, method, placement, options), measure);
  plan.push_back({"activations and scratch", measure.peak_bytes()});
  if (!placement.device.is_cpu()) AddGpu(config, options, plan);
  return plan;
}

int64_t MostTokens(const ModelConfig& config, const Method& method,
                   const Placement& placement,
                   const TransformerOptions& options, int64_t bytes) {
  const auto fits = [&](int64_t tokens) {
    TransformerOptions tried = options;
    tried.max_tokens = tokens;
    // More tokens are more documents of that length.
    if (tried.max_documents > 0) {
      tried.max_documents = (tokens + tried.max_document - 1) /
                            std::max<int64_t>(tried.max_document, 1);
    }
    return TotalBytes(PlanMemory(config, method, placement, tried)) <= bytes;
  };
  // A micro-batch of 2^31 tokens is beyond any buffer's 32-bit offsets.
  int64_t fitting = 0, too_many = int64_t{1} << 31;
  while (too_many - fitting > 1) {
    const int64_t middle = fitting + (too_many - fitting) / 2;
    (fits(middle) ? fitting : too_many) = middle;
  }
  return fitting;
}

}  // namespace lockstep
