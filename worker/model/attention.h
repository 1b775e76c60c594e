#ifndef LOCKSTEP_WORKER_MODEL_ATTENTION_H_
#define LOCKSTEP_WORKER_MODEL_ATTENTION_H_

// The attention half of a block, behind its norm: the q, k and v projection,
// rotary embedding, causal attention within each document, and the output
// projection.
//
// Immutable; all it works on is handed in.

#include "absl/status/status.h"
#include "kernels/dropout.h"
#include "kernels/qkv_layout.h"
#include "worker/model/gpu_attention.h"
#include "worker/model/linear.h"
#include "worker/model/model_config.h"
#include "worker/model/placed_batch.h"
#include "worker/model/rotary_table.h"
#include "worker/model/step_buffers.h"
#include "worker/model/weights.h"

namespace lockstep {

class Attention {
 public:
  // `rotary` outlives it, and `gpu`, which is null on the CPU.
  Attention(const ModelConfig& config, const BlockShape& shape,
            const LoraOptions* lora, const RotaryTable& rotary,
            GpuAttention* gpu);

  // From kept.x1_TD to buffers.delta_TD.
  absl::Status Forward(const BlockWeights& weights, const PlacedBatch& batch,
                       BlockActivations& kept, StepBuffers& buffers,
                       const DropoutMask& mask) const;

  // Makes again what Forward left in kept and `recompute` has not kept; of a
  // whole block also buffers.delta_TD.
  absl::Status Remake(Recompute recompute, const BlockWeights& weights,
                      const PlacedBatch& batch, BlockActivations& kept,
                      StepBuffers& buffers, const DropoutMask& mask) const;

  // From buffers.dresidual_TD to buffers.dx_TD, the gradient of kept.x1_TD,
  // which is left out unless `need_input_gradient`.
  absl::Status Backward(const BlockWeights& weights, BlockGradients& gradients,
                        const PlacedBatch& batch, bool need_input_gradient,
                        BlockActivations& kept, StepBuffers& buffers,
                        const DropoutMask& mask) const;

 private:
  // Scores, softmax and the sum of values, on the device of the buffers.
  absl::Status AttendForward(const PlacedBatch& batch, BlockActivations& kept,
                             StepBuffers& buffers) const;
  absl::Status AttendBackward(const PlacedBatch& batch,
                              const BlockActivations& kept,
                              StepBuffers& buffers) const;

  const QkvLayout layout_;
  const RotaryTable& rotary_;
  GpuAttention* const gpu_;
  const Linear qkv_;
  const Linear o_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_ATTENTION_H_
