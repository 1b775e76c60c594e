#ifndef LOCKSTEP_WORKER_MODEL_METHOD_H_
#define LOCKSTEP_WORKER_MODEL_METHOD_H_

#include <cstdint>

#include "worker/model/layout.h"
#include "worker/model/placement.h"

namespace lockstep {

// What is done to the model.
struct Method {
  enum class Kind {
    // Nothing: forward passes only.
    kFrozen,
    kLora,
    kFull,
  };
  Kind kind = Kind::kFrozen;
  // For kLora; target_modules spelled out.
  LoraOptions lora;
  // Seeds A of new adapters, and dropout.
  uint64_t seed = 42;

  // Null unless adapters are trained.
  const LoraOptions* adapters() const {
    return kind == Kind::kLora ? &lora : nullptr;
  }
};

// How a block's matrices are laid out there.
inline BlockShape BlockShapeOf(const ModelConfig& config, const Method& method,
                               const Placement& placement) {
  return MakeBlockShape(config, method.adapters(), TailMultipleOn(placement));
}

// Whether what is trained, which is float32, is copied to another type to
// compute with. Concatenated adapters are not: packing converts them.
inline bool HasComputedCopy(const Method& method, const Placement& placement) {
  if (placement.compute == c10::kFloat) return false;
  return method.kind == Method::Kind::kFull ||
         (method.kind == Method::Kind::kLora && !method.lora.concatenated());
}

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_METHOD_H_
