#ifndef LOCKSTEP_WORKER_MODEL_BLOCK_H_
#define LOCKSTEP_WORKER_MODEL_BLOCK_H_

// One decoder block: attention and MLP, each behind a norm and added to the
// residual stream. The addition is part of the norm that follows, so a block
// leaves its MLP's output in `delta_TD` for the next one to add.
//
// Immutable; all it works on is handed in. One object serves all layers.

#include "absl/status/status.h"
#include "kernels/dropout.h"
#include "worker/model/attention.h"
#include "worker/model/mlp.h"
#include "worker/model/model_config.h"
#include "worker/model/placed_batch.h"
#include "worker/model/rotary_table.h"
#include "worker/model/step_buffers.h"
#include "worker/model/weights.h"

namespace lockstep {

class Block {
 public:
  // `rotary` and `gpu` outlive the block; `lora` may be null, and `gpu` is on
  // the CPU.
  Block(const ModelConfig& config, const BlockShape& shape,
        const LoraOptions* lora, const RotaryTable& rotary, GpuAttention* gpu);

  // `base_TD` is the residual stream before `buffers.delta_TD` is added to it;
  // undefined for the first block, whose stream already lies in
  // kept.residual_TD. `mask` is that of the block's first module, the others
  // follow it; probability 0 drops nothing.
  absl::Status Forward(const BlockWeights& weights, const PlacedBatch& batch,
                       const at::Tensor& base_TD, BlockActivations& kept,
                       StepBuffers& buffers, const DropoutMask& mask) const;

  // Makes again, in the same bits, what Forward left in `kept` and `recompute`
  // has not kept.
  absl::Status Remake(Recompute recompute, const BlockWeights& weights,
                      const PlacedBatch& batch, BlockActivations& kept,
                      StepBuffers& buffers, const DropoutMask& mask) const;

  // From the gradient of the residual stream after the block to that before its
  // MLP, in place in buffers.dresidual_TD; adds to `gradients`.
  absl::Status BackwardMlp(const BlockWeights& weights,
                           BlockGradients& gradients, BlockActivations& kept,
                           StepBuffers& buffers, const DropoutMask& mask) const;
  // Then to that before the block, which is left out unless
  // `need_input_gradient`.
  absl::Status BackwardAttention(const BlockWeights& weights,
                                 BlockGradients& gradients,
                                 const PlacedBatch& batch,
                                 bool need_input_gradient,
                                 BlockActivations& kept, StepBuffers& buffers,
                                 const DropoutMask& mask) const;

 private:
  // Of the stream before attention; without a delta it is what lies in
  // kept.residual_TD.
  absl::Status InputNorm(const BlockWeights& weights, const at::Tensor& base_TD,
                         const at::Tensor& delta_TD,
                         BlockActivations& kept) const;
  // Of the stream before the MLP; without a delta it is what lies in
  // kept.middle_TD.
  absl::Status MiddleNorm(const BlockWeights& weights,
                          const at::Tensor& delta_TD,
                          BlockActivations& kept) const;
  absl::Status BackwardNorm(const at::Tensor& weight_D,
                            const at::Tensor& dweight_D,
                            const at::Tensor& sum_TD,
                            const at::Tensor& inv_rms_T,
                            StepBuffers& buffers) const;

  const int64_t hidden_;
  const double epsilon_;
  const Attention attention_;
  const Mlp mlp_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_BLOCK_H_
