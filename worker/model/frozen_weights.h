#ifndef LOCKSTEP_WORKER_MODEL_FROZEN_WEIGHTS_H_
#define LOCKSTEP_WORKER_MODEL_FROZEN_WEIGHTS_H_

// Buffers of the weights that are not trained, cut from an arena. On a
// measuring arena they tell what the weights will take before any is read.

#include <ATen/core/Tensor.h>

#include <vector>

#include "worker/memory/arena.h"
#include "worker/model/layout.h"
#include "worker/model/model_config.h"
#include "worker/model/weights.h"

namespace lockstep {

struct FrozenWeights {
  at::Tensor embedding;
  at::Tensor final_norm;
  // The embedding itself when they are tied.
  at::Tensor head;
  // Without adapters; with concatenated ones the matrices have room for them.
  std::vector<BlockWeights> blocks;
};

// `lora` may be null. `type` is that of all that is not in FP8.
FrozenWeights CarveFrozenWeights(const ModelConfig& config,
                                 const BlockShape& block,
                                 const LoraOptions* lora, at::ScalarType type,
                                 Arena& arena);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_FROZEN_WEIGHTS_H_
