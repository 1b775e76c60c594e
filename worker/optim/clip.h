#ifndef LOCKSTEP_WORKER_OPTIM_CLIP_H_
#define LOCKSTEP_WORKER_OPTIM_CLIP_H_

// Clipping by the global norm, as PyTorch does it.

#include <ATen/core/Tensor.h>

namespace lockstep {

// Euclidean norm of a contiguous float32 buffer.
class GlobalNorm {
 public:
  explicit GlobalNorm(at::Tensor flat);

  // Of what the buffer holds now, summed in double in a fixed order. On a GPU
  // it waits for the sum.
  double Measure() const;

 private:
  const at::Tensor flat_;
  at::Tensor sum_;
  // Of a GPU; else undefined.
  at::Tensor scratch_;
};

// What gradients of this norm are multiplied by: 1, or max_norm / (norm +
// 1e-6) if that is less. max_norm 0 turns clipping off.
double ClipFactor(double norm, double max_norm);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_OPTIM_CLIP_H_
