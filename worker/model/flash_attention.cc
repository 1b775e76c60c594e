#include "worker/model/flash_attention.h"

#include <ATen/ATen.h>

namespace lockstep {
namespace {

// Columns of a matrix as [T, heads, head_dim].
at::Tensor Heads(const at::Tensor& matrix, int64_t column, int64_t heads,
                 int64_t head_dim) {
  return matrix.narrow(1, column, heads * head_dim)
      .unflatten(1, {heads, head_dim});
}

struct Qkv {
  Qkv(const QkvLayout& layout, const at::Tensor& matrix)
      : q(Heads(matrix, 0, layout.query_heads, layout.head_dim)),
        k(Heads(matrix, layout.key_begin(), layout.kv_heads, layout.head_dim)),
        v(Heads(matrix, layout.value_begin(), layout.kv_heads,
                layout.head_dim)) {}

  at::Tensor q;
  at::Tensor k;
  at::Tensor v;
};

// While it lives, Torch's attention adds up the gradient of q in a fixed order:
// a run that is resumed ends in the same bits.
class DeterministicScope {
 public:
  DeterministicScope() { Set(true); }
  ~DeterministicScope() { Set(false); }
  DeterministicScope(const DeterministicScope&) = delete;
  DeterministicScope& operator=(const DeterministicScope&) = delete;

 private:
  static void Set(bool on) {
    at::Context& context = at::globalContext();
    context.setDeterministicFillUninitializedMemory(false);
    context.setDeterministicAlgorithms(on, /*warn_only=*/false);
  }
};

}  // namespace

void FlashAttentionForward(const QkvLayout& layout, const PlacedBatch& batch,
                           const at::Tensor& qkv_TN, const at::Tensor& out_TQ,
                           const at::Tensor& log_sum_HT) {
  const Qkv in(layout, qkv_TN);
  const at::Tensor documents = batch.cu_seqlens().tensor();
  const auto [out, log_sum, seed, offset, mask] = at::_flash_attention_forward(
      in.q, in.k, in.v, documents, documents, batch.longest_document(),
      batch.longest_document(), /*dropout_p=*/0, /*is_causal=*/true,
      /*return_debug_mask=*/false);
  Heads(out_TQ, 0, layout.query_heads, layout.head_dim).copy_(out);
  log_sum_HT.copy_(log_sum);
}

void FlashAttentionBackward(const QkvLayout& layout, const PlacedBatch& batch,
                            const at::Tensor& qkv_TN, const at::Tensor& out_TQ,
                            const at::Tensor& log_sum_HT,
                            const at::Tensor& d_out_TQ,
                            const at::Tensor& d_qkv_TN) {
  const Qkv in(layout, qkv_TN);
  const Qkv gradients(layout, d_qkv_TN);
  const at::Tensor documents = batch.cu_seqlens().tensor();
  // Without dropout the state of the random numbers is not read.
  const at::Tensor random =
      at::empty({2}, documents.options().dtype(at::kLong));
  const DeterministicScope deterministic;
  const auto [dq, dk, dv] = at::_flash_attention_backward(
      Heads(d_out_TQ, 0, layout.query_heads, layout.head_dim), in.q, in.k, in.v,
      Heads(out_TQ, 0, layout.query_heads, layout.head_dim),
      log_sum_HT.contiguous(), documents, documents, batch.longest_document(),
      batch.longest_document(), /*dropout_p=*/0, /*is_causal=*/true, random,
      random);
  at::Tensor(gradients.q).copy_(dq);
  at::Tensor(gradients.k).copy_(dk);
  at::Tensor(gradients.v).copy_(dv);
}

}  // namespace lockstep
