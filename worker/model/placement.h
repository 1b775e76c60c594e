#ifndef LOCKSTEP_WORKER_MODEL_PLACEMENT_H_
#define LOCKSTEP_WORKER_MODEL_PLACEMENT_H_

// Where a model lives, and what it computes in. Parameters and their gradients
// are float32 everywhere; frozen weights and activations have `compute`.

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>

namespace lockstep {

struct Placement {
  c10::Device device = c10::Device(c10::kCPU);
  // float32 on the CPU, bfloat16 on a GPU.
  c10::ScalarType compute = c10::kFloat;
};

// Tails of a layout (layout.h) are filled up to a multiple of so many columns:
// the matrix units of a GPU want rows of whole 16s.
inline int64_t TailMultipleOn(const Placement& placement) {
  return placement.device.is_cpu() ? 1 : 16;
}

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_PLACEMENT_H_
