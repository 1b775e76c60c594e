#ifndef LOCKSTEP_KERNELS_DROPOUT_H_
#define LOCKSTEP_KERNELS_DROPOUT_H_

// Dropout (Srivastava et al., 2014) whose mask is a function of a key and the
// element's place, never stored: the backward pass and a resumed run make it
// again, and the stride does not matter.
//
//   out = in / (1 - p) where u >= p, else 0
//
// u in [0, 1) is Philox4x32-10 (Salmon et al., SC'11) at key `seed` and counter
// (row * ceil(cols / 4) + col / 4, offset), word col % 4.

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/tensor_view.h"

namespace lockstep {

struct DropoutMask {
  uint64_t seed = 0;
  // Names one use of the seed: distinct for each (step, micro-batch, layer,
  // linear, adapter).
  uint64_t offset = 0;
  double p = 0;  // Probability of a zero, in [0, 1).
};

// Forward, and backward on the gradient. Both are [T, K] and may be the same.
// INVALID_ARGUMENT: a shape, or p outside [0, 1).
absl::Status Dropout(TensorView out_TK, TensorView in_TK,
                     const DropoutMask& mask, Stream stream = {});
absl::Status DropoutCpu(TensorView out_TK, TensorView in_TK,
                        const DropoutMask& mask);
absl::Status DropoutCuda(TensorView out_TK, TensorView in_TK,
                         const DropoutMask& mask, Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_DROPOUT_H_
