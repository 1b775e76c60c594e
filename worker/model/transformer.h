#ifndef LOCKSTEP_WORKER_MODEL_TRANSFORMER_H_
#define LOCKSTEP_WORKER_MODEL_TRANSFORMER_H_

// A Llama-shaped decoder with explicit forward and backward passes: no
// autograd, and no buffer is made after construction. It computes sums over
// loss terms, never means: dividing is the trainer's, once, by the count over
// all ranks and micro-batches.
//
// Used by the trainer's thread.

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/memory/arena.h"
#include "worker/model/block.h"
#include "worker/model/head.h"
#include "worker/model/input_rows.h"
#include "worker/model/model_weights.h"
#include "worker/model/placed_batch.h"
#include "worker/model/residual_offload.h"
#include "worker/model/rotary_table.h"
#include "worker/model/step_buffers.h"
#include "worker/model/token_batch.h"
#include "worker/model/transformer_options.h"

namespace lockstep {

class Transformer {
 public:
  // Plans and takes all memory. `weights` outlives the transformer.
  // INVALID_ARGUMENT: rotary constants that have no table.
  static absl::StatusOr<std::unique_ptr<Transformer>> Create(
      ModelWeights& weights, const TransformerOptions& options);
  // The members refer to each other.
  Transformer(const Transformer&) = delete;
  Transformer& operator=(const Transformer&) = delete;

  // Adds the gradients of the summed loss to the parameters' gradients.
  // `micro_batch` is this batch's number in the run, counted over all ranks; it
  // seeds dropout. `listener`, if there is one, is told of each stage, but of
  // none when the batch has nothing to learn from; its error ends the pass. It
  // gets the input rows where they are left apart; without one they are added.
  // `backward_begins`, if there is one, runs between the two passes.
  // INVALID_ARGUMENT: more tokens or longer documents than planned, or a token
  // outside the vocabulary.
  absl::StatusOr<StepOutput> ForwardBackward(
      const TokenBatch& batch, uint64_t micro_batch,
      BackwardListener* listener = nullptr,
      const std::function<void()>& backward_begins = nullptr);

  // The summed loss alone, without dropout.
  absl::StatusOr<StepOutput> Evaluate(const TokenBatch& batch);

  // Logits of all positions, [T, V], in memory of their own.
  absl::StatusOr<at::Tensor> Logits(const TokenBatch& batch);

  // What of a pass with a listener is left apart, if anything.
  const InputRows& input_rows() const { return all_buffers_.input; }

  // Bytes of the buffers of a step.
  int64_t step_bytes() const { return arena_->peak_bytes(); }

 private:
  Transformer(ModelWeights& weights, const TransformerOptions& options,
              RotaryTable rotary);

  absl::Status Check(const TokenBatch& batch) const;
  StepBuffers& BuffersFor(int64_t tokens);
  // `offload` is null unless a backward pass follows.
  absl::Status Forward(const TokenBatch& batch, StepBuffers& buffers,
                       const DropoutMask& mask, ResidualOffload* offload);
  // Of the batch that Forward was given.
  absl::Status Backward(StepBuffers& buffers, const DropoutMask& mask,
                        BackwardListener* listener);
  absl::Status BackwardBlock(int64_t layer, bool need_input_gradient,
                             StepBuffers& buffers, const DropoutMask& mask,
                             BackwardListener* listener);
  absl::Status LeaveInputRows(BackwardListener& listener);

  ModelWeights& weights_;
  const TransformerOptions options_;
  const RotaryTable rotary_;
  // Null on the CPU.
  const std::unique_ptr<GpuAttention> gpu_attention_;
  const Block block_;
  Head head_;
  PlacedBatch batch_;
  std::unique_ptr<Arena> arena_;
  StepBuffers all_buffers_;
  // Null where all is kept on the device.
  std::unique_ptr<ResidualOffload> offload_;
  // Views for the newest size of batch.
  StepBuffers buffers_;
  int64_t buffers_tokens_ = -1;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_TRANSFORMER_H_
