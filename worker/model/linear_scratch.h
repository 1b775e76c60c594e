#ifndef LOCKSTEP_WORKER_MODEL_LINEAR_SCRATCH_H_
#define LOCKSTEP_WORKER_MODEL_LINEAR_SCRATCH_H_

// What a linear works with beside its operands, and leaves for the next one.

#include <ATen/core/Tensor.h>

namespace lockstep {

struct LinearScratch {
  // [T, K], K of the widest: dropped inputs. Undefined without dropout.
  at::Tensor dropped_TK;
  // T rows of the widest, in bytes: inputs or gradients in FP8, and their
  // scales. Undefined unless the base is.
  at::Tensor fp8_bytes;
  at::Tensor fp8_scale_T;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_LINEAR_SCRATCH_H_
