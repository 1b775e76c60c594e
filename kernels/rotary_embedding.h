#ifndef LOCKSTEP_KERNELS_ROTARY_EMBEDDING_H_
#define LOCKSTEP_KERNELS_ROTARY_EMBEDDING_H_

// Rotary position embedding (arXiv:2104.09864), in place on the query and key
// heads of packed rows, in Hugging Face's half-split layout: with x1 the first
// half of a head's values and x2 the second,
//
//   x1' = x1 * cos - x2 * sin
//   x2' = x2 * cos + x1 * sin
//
// Value heads are left alone. T tokens, N columns of the layout, P positions in
// the table (kernels/rotary_table.h builds it).

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/qkv_layout.h"
#include "kernels/tensor_view.h"

namespace lockstep {

struct RotaryEmbeddingArgs {
  TensorView qkv_TN;
  const int32_t* positions_T = nullptr;  // Each in [0, table_positions).
  const float* cos_PD = nullptr;         // [P, head_dim / 2], contiguous.
  const float* sin_PD = nullptr;
  int64_t table_positions = 0;
  QkvLayout layout;
};

// INVALID_ARGUMENT: a shape, or (found on the CPU only) a position outside the
// table, in which case nothing is written.
absl::Status RotaryEmbeddingForward(const RotaryEmbeddingArgs& args,
                                    Stream stream = {});
absl::Status RotaryEmbeddingForwardCpu(const RotaryEmbeddingArgs& args);
absl::Status RotaryEmbeddingForwardCuda(const RotaryEmbeddingArgs& args,
                                        Stream stream);

// qkv_TN holds gradients, which are rotated back.
absl::Status RotaryEmbeddingBackward(const RotaryEmbeddingArgs& args,
                                     Stream stream = {});
absl::Status RotaryEmbeddingBackwardCpu(const RotaryEmbeddingArgs& args);
absl::Status RotaryEmbeddingBackwardCuda(const RotaryEmbeddingArgs& args,
                                         Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_ROTARY_EMBEDDING_H_
