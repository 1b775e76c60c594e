#ifndef LOCKSTEP_WORKER_MODEL_MLP_H_
#define LOCKSTEP_WORKER_MODEL_MLP_H_

// The MLP half of a block, behind its norm: gate and up as one product, SwiGLU
// (arXiv:2002.05202), and down.
//
// Immutable; all it works on is handed in.

#include "absl/status/status.h"
#include "kernels/dropout.h"
#include "worker/model/linear.h"
#include "worker/model/model_config.h"
#include "worker/model/step_buffers.h"
#include "worker/model/weights.h"

namespace lockstep {

class Mlp {
 public:
  Mlp(const ModelConfig& config, const BlockShape& shape,
      const LoraOptions* lora);

  // From kept.x2_TD to buffers.delta_TD.
  absl::Status Forward(const BlockWeights& weights, BlockActivations& kept,
                       StepBuffers& buffers, const DropoutMask& mask) const;

  // Makes again what Forward left in kept and `recompute` has not kept.
  absl::Status Remake(Recompute recompute, const BlockWeights& weights,
                      BlockActivations& kept, StepBuffers& buffers,
                      const DropoutMask& mask) const;

  // From buffers.dresidual_TD to buffers.dx_TD, the gradient of kept.x2_TD.
  absl::Status Backward(const BlockWeights& weights, BlockGradients& gradients,
                        BlockActivations& kept, StepBuffers& buffers,
                        const DropoutMask& mask) const;

 private:
  const int64_t inner_;
  const Linear gate_up_;
  const Linear down_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_MLP_H_
