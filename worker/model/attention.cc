#include "worker/model/attention.h"

#include "kernels/attention.h"
#include "kernels/rotary_embedding.h"
#include "proto/contract/status_macros.h"
#include "worker/model/view.h"

namespace lockstep {
namespace {

RotaryEmbeddingArgs RotaryArgs(const QkvLayout& layout,
                               const RotaryTable& table,
                               const PlacedBatch& batch,
                               const at::Tensor& qkv) {
  return {.qkv_TN = View(qkv, layout.cols()),
          .positions_T = batch.positions(),
          .cos_PD = table.cos_PD.data_ptr<float>(),
          .sin_PD = table.sin_PD.data_ptr<float>(),
          .table_positions = table.cos_PD.size(0),
          .layout = layout};
}

PackedDocuments DocumentsOf(const PlacedBatch& batch) {
  return {.cu_seqlens = batch.cu_seqlens().data(),
          .count = batch.documents(),
          .max_length = batch.longest_document()};
}

}  // namespace

Attention::Attention(const ModelConfig& config, const BlockShape& shape,
                     const LoraOptions* lora, const RotaryTable& rotary,
                     GpuAttention* gpu)
    : layout_(QkvLayoutOf(config)),
      rotary_(rotary),
      gpu_(gpu),
      qkv_(shape.qkv, lora),
      o_(shape.o, lora) {}

absl::Status Attention::Forward(const BlockWeights& weights,
                                const PlacedBatch& batch,
                                BlockActivations& kept, StepBuffers& buffers,
                                const DropoutMask& mask) const {
  RETURN_IF_ERROR(
      qkv_.Forward(weights.qkv, kept.x1_TD, kept.qkv_TN, mask, buffers.linear));
  RETURN_IF_ERROR(
      RotaryEmbeddingForward(RotaryArgs(layout_, rotary_, batch, kept.qkv_TN)));
  RETURN_IF_ERROR(AttendForward(batch, kept, buffers));
  return o_.Forward(weights.o, kept.attended_TQ, buffers.delta_TD, mask,
                    buffers.linear);
}

absl::Status Attention::Remake(Recompute recompute, const BlockWeights& weights,
                               const PlacedBatch& batch, BlockActivations& kept,
                               StepBuffers& buffers,
                               const DropoutMask& mask) const {
  if (recompute == Recompute::kBlock) {
    return Forward(weights, batch, kept, buffers, mask);
  }
  return qkv_.ForwardHidden(weights.qkv, kept.x1_TD, mask, buffers.linear);
}

absl::Status Attention::AttendForward(const PlacedBatch& batch,
                                      BlockActivations& kept,
                                      StepBuffers& buffers) const {
  if (gpu_ != nullptr) {
    return gpu_->Forward(batch, kept.qkv_TN, kept.attended_TQ, kept.log_sum_HT,
                         buffers.attention_work);
  }
  return AttentionForward(
      {.out_TQ = View(kept.attended_TQ, layout_.query_cols()),
       .log_sum_HT = View(kept.log_sum_HT),
       .qkv_TN = View(kept.qkv_TN, layout_.cols()),
       .documents = DocumentsOf(batch),
       .layout = layout_});
}

absl::Status Attention::AttendBackward(const PlacedBatch& batch,
                                       const BlockActivations& kept,
                                       StepBuffers& buffers) const {
  if (gpu_ != nullptr) {
    return gpu_->Backward(batch, kept.qkv_TN, kept.attended_TQ, kept.log_sum_HT,
                          buffers.dattended_TQ, buffers.dqkv_TN,
                          buffers.attention_work);
  }
  return AttentionBackward(
      {.d_qkv_TN = View(buffers.dqkv_TN, layout_.cols()),
       .d_out_TQ = View(buffers.dattended_TQ),
       .out_TQ = View(kept.attended_TQ, layout_.query_cols()),
       .log_sum_HT = View(kept.log_sum_HT),
       .qkv_TN = View(kept.qkv_TN, layout_.cols()),
       .documents = DocumentsOf(batch),
       .layout = layout_});
}

absl::Status Attention::Backward(const BlockWeights& weights,
                                 BlockGradients& gradients,
                                 const PlacedBatch& batch,
                                 bool need_input_gradient,
                                 BlockActivations& kept, StepBuffers& buffers,
                                 const DropoutMask& mask) const {
  RETURN_IF_ERROR(o_.Backward(weights.o, gradients.o, kept.attended_TQ,
                              buffers.dresidual_TD, buffers.dattended_TQ, mask,
                              buffers.linear));
  RETURN_IF_ERROR(AttendBackward(batch, kept, buffers));
  RETURN_IF_ERROR(RotaryEmbeddingBackward(
      RotaryArgs(layout_, rotary_, batch, buffers.dqkv_TN)));
  return qkv_.Backward(weights.qkv, gradients.qkv, kept.x1_TD, buffers.dqkv_TN,
                       need_input_gradient ? buffers.dx_TD : at::Tensor(), mask,
                       buffers.linear);
}

}  // namespace lockstep
