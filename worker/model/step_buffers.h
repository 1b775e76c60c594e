#ifndef LOCKSTEP_WORKER_MODEL_STEP_BUFFERS_H_
#define LOCKSTEP_WORKER_MODEL_STEP_BUFFERS_H_

// Every buffer of one forward and backward pass, cut once from an arena for the
// largest micro-batch; a smaller one uses the first rows.
//
// Shapes: T tokens, D hidden, Q query columns, N columns of q, k and v, I inner
// columns of the MLP, H heads, V vocabulary, C rows of one chunk of logits.
// "+" marks the tail that LinearShape describes.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "worker/memory/arena.h"
#include "worker/model/input_rows.h"
#include "worker/model/layout.h"
#include "worker/model/linear_scratch.h"
#include "worker/model/model_config.h"

namespace lockstep {

// What the forward pass of a block keeps for its backward pass. Under
// Recompute some of it is shared by all blocks.
struct BlockActivations {
  // The residual stream as it enters the block, and after attention.
  at::Tensor residual_TD;
  at::Tensor middle_TD;
  // Normed inputs of the linears, with 1/rms of each row.
  at::Tensor x1_TD;  // +
  at::Tensor inv_rms1_T;
  at::Tensor x2_TD;  // +
  at::Tensor inv_rms2_T;
  // Rotated q and k, and v.
  at::Tensor qkv_TN;
  // Log of the sum of exponentials of each row of scores.
  at::Tensor log_sum_HT;
  at::Tensor attended_TQ;  // +
  // Gate and up side by side; the backward pass turns them into gradients.
  at::Tensor gate_up_TI;  // +
  // The backward pass turns it into its gradient.
  at::Tensor inner_TI;  // +
};

struct StepBuffers {
  std::vector<BlockActivations> blocks;
  at::Tensor last_residual_TD;
  at::Tensor last_inv_rms_T;
  at::Tensor final_TD;

  // The head sees trained rows only.
  at::Tensor head_x_TD;
  at::Tensor head_dx_TD;
  at::Tensor logits_CV;
  at::Tensor loss_C;

  // The gradient of the residual stream.
  at::Tensor dresidual_TD;  // +
  // At the end of a pass its rows are those of the input.
  InputRows input;

  // Within a block, three in one place, which are never needed together: output
  // of o and of down before it is added to the residual; the gradient of a
  // norm's output; that of attention's.
  at::Tensor delta_TD;
  at::Tensor dx_TD;
  at::Tensor dattended_TQ;
  at::Tensor dqkv_TN;  // +
  LinearScratch linear;
  // What the norms' backward passes add up their weights' gradients in.
  at::Tensor norm_scratch;
  // What GpuAttention works in.
  at::Tensor attention_work;

  // The first `tokens` rows of all that has a row a token. Scratch of the head,
  // of FP8, of norms and of attention stays whole, and so do input rows.
  StepBuffers FirstRows(int64_t tokens) const;
};

// What of a block's activations is not kept but made again before its backward
// pass, in the same bits.
enum class Recompute {
  kNone,
  // The outputs of the norms and of SwiGLU: about a quarter of the memory for
  // passes that cost little.
  kNormSwiglu,
  // All but the residual stream that enters the block: nearly all of the memory
  // for most of a forward pass.
  kBlock,
};

struct StepShape {
  int64_t max_tokens = 0;
  // Of activations and their gradients; sums and losses are float32.
  at::ScalarType compute = at::kFloat;
  // Without a backward pass all blocks share one set of activations.
  bool backward = true;
  bool dropout = false;
  bool fp8 = false;
  // Whether adapters lie inside the matrices in FP8.
  bool fp8_tails = false;
  Recompute recompute = Recompute::kNone;
  // Whether blocks share two places for the residual stream that enters them
  // (residual_offload.h).
  bool offload_residual = false;
  int64_t attention_work_bytes = 0;
  int64_t norm_scratch_floats = 0;
  // Whose input rows are gathered; 0 where they are not left apart.
  int64_t gathered_ranks = 0;
  // Rows of logits that exist at a time.
  int64_t logits_rows = 0;
};

StepBuffers CarveStepBuffers(const ModelConfig& config, const BlockShape& block,
                             const StepShape& shape, Arena& arena);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_STEP_BUFFERS_H_
