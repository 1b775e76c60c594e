#ifndef LOCKSTEP_WORKER_MODEL_FLASH_ATTENTION_H_
#define LOCKSTEP_WORKER_MODEL_FLASH_ATTENTION_H_

// Attention on a GPU by FlashAttention-2 (arXiv:2307.08691), which LibTorch
// carries: kernels/attention.h in bfloat16, on packed documents. It makes the
// buffers of its results itself, from Torch's caching allocator, and their
// contents are copied into the engine's.

#include <ATen/core/Tensor.h>

#include "kernels/qkv_layout.h"
#include "worker/model/placed_batch.h"

namespace lockstep {

// q, k and v are columns of qkv_TN, whose rows may be wider than the layout, as
// those of out_TQ. log_sum_HT is float32. Torch throws what goes wrong.
void FlashAttentionForward(const QkvLayout& layout, const PlacedBatch& batch,
                           const at::Tensor& qkv_TN, const at::Tensor& out_TQ,
                           const at::Tensor& log_sum_HT);

// d_qkv_TN is overwritten.
void FlashAttentionBackward(const QkvLayout& layout, const PlacedBatch& batch,
                            const at::Tensor& qkv_TN, const at::Tensor& out_TQ,
                            const at::Tensor& log_sum_HT,
                            const at::Tensor& d_out_TQ,
                            const at::Tensor& d_qkv_TN);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_FLASH_ATTENTION_H_
