#ifndef LOCKSTEP_KERNELS_ATTENTION_H_
#define LOCKSTEP_KERNELS_ATTENTION_H_

// Causal attention within each document of a packed batch, read from and
// written to the engine's own rows. For token i and query head h, over the
// tokens j <= i of the same document, with the key and value head of h's group:
//
//   s_j     = q_i . k_j / sqrt(head_dim)
//   log_sum = log(sum_j(exp(s_j)))
//   out     = sum_j(exp(s_j - log_sum) * v_j)
//
// T tokens, N columns of the layout, Q query columns, H query heads. Computed
// block by block with a running softmax (FlashAttention, arXiv:2205.14135): no
// matrix of scores exists.

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/qkv_layout.h"
#include "kernels/tensor_view.h"

namespace lockstep {

// Documents laid end to end: number n is rows [starts[n], starts[n + 1]). Empty
// ones are allowed anywhere. Rows behind the last document are padding, whose
// outputs and gradients are set to zero.
struct PackedDocuments {
  const int32_t* cu_seqlens = nullptr;  // [count + 1], from 0, ascending.
  int64_t count = 0;
  // No document is longer. Kernels for GPUs size their grid by it.
  int64_t max_length = 0;
};

struct AttentionForwardArgs {
  TensorView out_TQ;
  TensorView log_sum_HT;  // float32; kept for the backward pass.
  TensorView qkv_TN;      // Rotated.
  PackedDocuments documents;
  QkvLayout layout;
};

// INVALID_ARGUMENT: a shape, head_dim above 256, or (found on the CPU only)
// document bounds that are no such list; nothing is written then.
absl::Status AttentionForward(const AttentionForwardArgs& args,
                              Stream stream = {});
absl::Status AttentionForwardCpu(const AttentionForwardArgs& args);
absl::Status AttentionForwardCuda(const AttentionForwardArgs& args,
                                  Stream stream);

struct AttentionBackwardArgs {
  TensorView d_qkv_TN;  // Overwritten; aliases nothing.
  TensorView d_out_TQ;
  TensorView out_TQ;  // As forward left it, like the next two.
  TensorView log_sum_HT;
  TensorView qkv_TN;
  PackedDocuments documents;
  QkvLayout layout;
};

// Fails like AttentionForward.
absl::Status AttentionBackward(const AttentionBackwardArgs& args,
                               Stream stream = {});
absl::Status AttentionBackwardCpu(const AttentionBackwardArgs& args);
absl::Status AttentionBackwardCuda(const AttentionBackwardArgs& args,
                                   Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_ATTENTION_H_
