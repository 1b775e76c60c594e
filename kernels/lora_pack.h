#ifndef LOCKSTEP_KERNELS_LORA_PACK_H_
#define LOCKSTEP_KERNELS_LORA_PACK_H_

// Copies an adapter (arXiv:2106.09685) into the spare rows and columns of its
// frozen matrix, so that it costs no product of its own:
//
//   packed = [[W, scale * B], [A, 0]]     y = [x | x A^T] [W | scale * B]^T
//
// N out, K in, r rank. A fused matrix (q, k, v) holds several adapters: A's are
// stacked, B is block-diagonal, each over the rows of its own part of W. What
// lies outside of this adapter's A and B stays; the zeros are written once, by
// the owner of the matrix.

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/tensor_view.h"

namespace lockstep {

struct LoraPackArgs {
  // [N + tail, K + tail]: the whole matrix; its stride is the leading
  // dimension.
  TensorView packed;
  int64_t out = 0;     // N of the fused matrix.
  int64_t in = 0;      // K
  int64_t row = 0;     // First row of the adapted part of W; b_NR.rows of them.
  int64_t column = 0;  // First of this adapter's r columns within the tail.
  TensorView a_RK;     // float32, [r, K]
  TensorView b_NR;     // float32, [rows of the part, r]
  double scale = 1;    // alpha / r, or alpha / sqrt(r).
};

// INVALID_ARGUMENT: an adapter that does not fit the matrix.
absl::Status LoraPack(const LoraPackArgs& args, Stream stream = {});
absl::Status LoraPackCpu(const LoraPackArgs& args);
absl::Status LoraPackCuda(const LoraPackArgs& args, Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_LORA_PACK_H_
