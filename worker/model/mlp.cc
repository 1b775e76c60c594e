#include "worker/model/mlp.h"

#include "kernels/swiglu.h"
#include "proto/contract/status_macros.h"
#include "worker/model/view.h"

namespace lockstep {

Mlp::Mlp(const ModelConfig& config, const BlockShape& shape,
         const LoraOptions* lora)
    : inner_(config.intermediate_size),
      gate_up_(shape.gate_up, lora),
      down_(shape.down, lora) {}

absl::Status Mlp::Forward(const BlockWeights& weights, BlockActivations& kept,
                          StepBuffers& buffers, const DropoutMask& mask) const {
  RETURN_IF_ERROR(gate_up_.Forward(weights.gate_up, kept.x2_TD, kept.gate_up_TI,
                                   mask, buffers.linear));
  RETURN_IF_ERROR(SwigluForward(View(kept.inner_TI, inner_),
                                View(kept.gate_up_TI, 2 * inner_)));
  return down_.Forward(weights.down, kept.inner_TI, buffers.delta_TD, mask,
                       buffers.linear);
}

absl::Status Mlp::Remake(Recompute recompute, const BlockWeights& weights,
                         BlockActivations& kept, StepBuffers& buffers,
                         const DropoutMask& mask) const {
  if (recompute == Recompute::kBlock) {
    RETURN_IF_ERROR(gate_up_.Forward(weights.gate_up, kept.x2_TD,
                                     kept.gate_up_TI, mask, buffers.linear));
  } else {
    RETURN_IF_ERROR(gate_up_.ForwardHidden(weights.gate_up, kept.x2_TD, mask,
                                           buffers.linear));
  }
  RETURN_IF_ERROR(SwigluForward(View(kept.inner_TI, inner_),
                                View(kept.gate_up_TI, 2 * inner_)));
  return down_.ForwardHidden(weights.down, kept.inner_TI, mask, buffers.linear);
}

absl::Status Mlp::Backward(const BlockWeights& weights,
                           BlockGradients& gradients, BlockActivations& kept,
                           StepBuffers& buffers,
                           const DropoutMask& mask) const {
  // The gradient takes the place of what it is a gradient of.
  RETURN_IF_ERROR(down_.Backward(weights.down, gradients.down, kept.inner_TI,
                                 buffers.dresidual_TD, kept.inner_TI, mask,
                                 buffers.linear));
  // In place: gate and up become their gradients.
  RETURN_IF_ERROR(SwigluBackward(View(kept.gate_up_TI, 2 * inner_),
                                 /*activation_TI=*/{},
                                 View(kept.inner_TI, inner_)));
  return gate_up_.Backward(weights.gate_up, gradients.gate_up, kept.x2_TD,
                           kept.gate_up_TI, buffers.dx_TD, mask,
                           buffers.linear);
}

}  // namespace lockstep
