#ifndef LOCKSTEP_KERNELS_LORA_PACK_H_
#define LOCKSTEP_KERNELS_LORA_PACK_H_

// Copies an adapter (arXiv:2106.09685) to where those of a fused matrix (q, k,
// v) stand together, as one A and one B:
//
//   stacked_a_RK[column + r, :] = A[r, :]
//   scaled_b_NR[row + n, column + r] = scale * B[n, r]
//
// N out, K in, R the columns of all adapters: A's are stacked, B is
// block-diagonal, each over the rows of its own part of the matrix. What lies
// outside of this adapter's A and B stays; the zeros are written once, by the
// owner. Both may be parts of one matrix, [[W, scale * B], [A, 0]].

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/tensor_view.h"

namespace lockstep {

struct LoraPackArgs {
  TensorView stacked_a_RK;
  TensorView scaled_b_NR;
  int64_t row = 0;     // First row of the adapted part; b_NR.rows of them.
  int64_t column = 0;  // First of this adapter's r columns.
  TensorView a_RK;     // float32, [r, K]
  TensorView b_NR;     // float32, [rows of the part, r]
  double scale = 1;    // alpha / r, or alpha / sqrt(r).
};

// INVALID_ARGUMENT: an adapter that does not fit.
absl::Status LoraPack(const LoraPackArgs& args, Stream stream = {});
absl::Status LoraPackCpu(const LoraPackArgs& args);
absl::Status LoraPackCuda(const LoraPackArgs& args, Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_LORA_PACK_H_
