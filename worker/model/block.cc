#include "worker/model/block.h"

#include "kernels/rms_norm.h"
#include "proto/contract/status_macros.h"
#include "worker/model/view.h"

namespace lockstep {

Block::Block(const ModelConfig& config, const BlockShape& shape,
             const LoraOptions* lora, const RotaryTable& rotary,
             GpuAttention* gpu)
    : hidden_(config.hidden_size),
      epsilon_(config.rms_norm_eps),
      attention_(config, shape, lora, rotary, gpu),
      mlp_(config, shape, lora) {}

absl::Status Block::InputNorm(const BlockWeights& weights,
                              const at::Tensor& base_TD,
                              const at::Tensor& delta_TD,
                              BlockActivations& kept) const {
  const bool adds = delta_TD.defined();
  return RmsNormForward({.out_TD = View(kept.x1_TD, hidden_),
                         .sum_TD = View(kept.residual_TD),
                         .inv_rms_T = Floats(kept.inv_rms1_T),
                         .in_TD = View(adds ? base_TD : kept.residual_TD),
                         .delta_TD = adds ? View(delta_TD) : TensorView{},
                         .weight_D = View(weights.input_norm),
                         .epsilon = epsilon_});
}

absl::Status Block::MiddleNorm(const BlockWeights& weights,
                               const at::Tensor& delta_TD,
                               BlockActivations& kept) const {
  const bool adds = delta_TD.defined();
  return RmsNormForward(
      {.out_TD = View(kept.x2_TD, hidden_),
       .sum_TD = View(kept.middle_TD),
       .inv_rms_T = Floats(kept.inv_rms2_T),
       .in_TD = View(adds ? kept.residual_TD : kept.middle_TD),
       .delta_TD = adds ? View(delta_TD) : TensorView{},
       .weight_D = View(weights.post_attention_norm),
       .epsilon = epsilon_});
}

absl::Status Block::Forward(const BlockWeights& weights,
                            const PlacedBatch& batch, const at::Tensor& base_TD,
                            BlockActivations& kept, StepBuffers& buffers,
                            const DropoutMask& mask) const {
  RETURN_IF_ERROR(InputNorm(weights, base_TD,
                            base_TD.defined() ? buffers.delta_TD : at::Tensor(),
                            kept));
  RETURN_IF_ERROR(attention_.Forward(weights, batch, kept, buffers, mask));
  RETURN_IF_ERROR(MiddleNorm(weights, buffers.delta_TD, kept));
  return mlp_.Forward(weights, kept, buffers, mask);
}

absl::Status Block::Remake(Recompute recompute, const BlockWeights& weights,
                           const PlacedBatch& batch, BlockActivations& kept,
                           StepBuffers& buffers,
                           const DropoutMask& mask) const {
  if (recompute == Recompute::kNone) return absl::OkStatus();
  const bool whole = recompute == Recompute::kBlock;
  RETURN_IF_ERROR(InputNorm(weights, /*base_TD=*/{}, /*delta_TD=*/{}, kept));
  RETURN_IF_ERROR(
      attention_.Remake(recompute, weights, batch, kept, buffers, mask));
  RETURN_IF_ERROR(
      MiddleNorm(weights, whole ? buffers.delta_TD : at::Tensor(), kept));
  return mlp_.Remake(recompute, weights, kept, buffers, mask);
}

absl::Status Block::BackwardMlp(const BlockWeights& weights,
                                BlockGradients& gradients,
                                BlockActivations& kept, StepBuffers& buffers,
                                const DropoutMask& mask) const {
  RETURN_IF_ERROR(mlp_.Backward(weights, gradients, kept, buffers, mask));
  return BackwardNorm(weights.post_attention_norm,
                      gradients.post_attention_norm, kept.middle_TD,
                      kept.inv_rms2_T, buffers);
}

absl::Status Block::BackwardAttention(
    const BlockWeights& weights, BlockGradients& gradients,
    const PlacedBatch& batch, bool need_input_gradient, BlockActivations& kept,
    StepBuffers& buffers, const DropoutMask& mask) const {
  RETURN_IF_ERROR(attention_.Backward(
      weights, gradients, batch, need_input_gradient, kept, buffers, mask));
  if (!need_input_gradient) return absl::OkStatus();
  return BackwardNorm(weights.input_norm, gradients.input_norm,
                      kept.residual_TD, kept.inv_rms1_T, buffers);
}

absl::Status Block::BackwardNorm(const at::Tensor& weight_D,
                                 const at::Tensor& dweight_D,
                                 const at::Tensor& sum_TD,
                                 const at::Tensor& inv_rms_T,
                                 StepBuffers& buffers) const {
  return RmsNormBackward({.d_in_TD = View(buffers.dresidual_TD, hidden_),
                          .d_weight_D = Floats(dweight_D),
                          .d_out_TD = View(buffers.dx_TD),
                          .sum_TD = View(sum_TD),
                          .inv_rms_T = Floats(inv_rms_T),
                          .weight_D = View(weight_D),
                          .d_residual_TD = View(buffers.dresidual_TD, hidden_),
                          .scratch = Floats(buffers.norm_scratch)});
}

}  // namespace lockstep
