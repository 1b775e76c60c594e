#include "worker/model/attention.h"

#include "kernels/attention.h"
#include "kernels/rotary_embedding.h"
#include "proto/contract/status_macros.h"
#include "worker/model/view.h"

namespace lockstep {
namespace {

RotaryEmbeddingArgs RotaryArgs(const QkvLayout& layout,
                               const RotaryTable& table,
                               const TokenBatch& batch, const at::Tensor& qkv) {
  return {.qkv_TN = View(qkv, layout.cols()),
          .positions_T = batch.positions.data(),
          .cos_PD = table.cos_PD.data_ptr<float>(),
          .sin_PD = table.sin_PD.data_ptr<float>(),
          .table_positions = table.cos_PD.size(0),
          .layout = layout};
}

PackedDocuments DocumentsOf(const TokenBatch& batch) {
  return {.cu_seqlens = batch.cu_seqlens.data(),
          .count = static_cast<int64_t>(batch.cu_seqlens.size()) - 1,
          .max_length = batch.longest_document()};
}

}  // namespace

Attention::Attention(const ModelConfig& config, const BlockShape& shape,
                     const LoraOptions* lora, const RotaryTable& rotary)
    : layout_{.query_heads = config.num_heads,
              .kv_heads = config.num_kv_heads,
              .head_dim = config.head_dim},
      rotary_(rotary),
      qkv_(shape.qkv, lora),
      o_(shape.o, lora) {}

absl::Status Attention::Forward(const BlockWeights& weights,
                                const TokenBatch& batch, BlockActivations& kept,
                                StepBuffers& buffers,
                                const DropoutMask& mask) const {
  RETURN_IF_ERROR(qkv_.Forward(weights.qkv, kept.x1_TD, kept.qkv_TN, mask,
                               buffers.dropped_TK));
  RETURN_IF_ERROR(
      RotaryEmbeddingForward(RotaryArgs(layout_, rotary_, batch, kept.qkv_TN)));
  RETURN_IF_ERROR(
      AttentionForward({.out_TQ = View(kept.attended_TQ, layout_.query_cols()),
                        .log_sum_HT = View(kept.log_sum_HT),
                        .qkv_TN = View(kept.qkv_TN, layout_.cols()),
                        .documents = DocumentsOf(batch),
                        .layout = layout_}));
  return o_.Forward(weights.o, kept.attended_TQ, buffers.delta_TD, mask,
                    buffers.dropped_TK);
}

absl::Status Attention::Backward(const BlockWeights& weights,
                                 BlockGradients& gradients,
                                 const TokenBatch& batch,
                                 bool need_input_gradient,
                                 BlockActivations& kept, StepBuffers& buffers,
                                 const DropoutMask& mask) const {
  RETURN_IF_ERROR(o_.Backward(weights.o, gradients.o, kept.attended_TQ,
                              buffers.dresidual_TD, buffers.dattended_TQ, mask,
                              buffers.dropped_TK));
  RETURN_IF_ERROR(
      AttentionBackward({.d_qkv_TN = View(buffers.dqkv_TN, layout_.cols()),
                         .d_out_TQ = View(buffers.dattended_TQ),
                         .out_TQ = View(kept.attended_TQ, layout_.query_cols()),
                         .log_sum_HT = View(kept.log_sum_HT),
                         .qkv_TN = View(kept.qkv_TN, layout_.cols()),
                         .documents = DocumentsOf(batch),
                         .layout = layout_}));
  RETURN_IF_ERROR(RotaryEmbeddingBackward(
      RotaryArgs(layout_, rotary_, batch, buffers.dqkv_TN)));
  return qkv_.Backward(weights.qkv, gradients.qkv, kept.x1_TD, buffers.dqkv_TN,
                       need_input_gradient ? buffers.dx_TD : at::Tensor(), mask,
                       buffers.dropped_TK);
}

}  // namespace lockstep
