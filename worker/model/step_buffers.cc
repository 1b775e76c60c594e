#include "worker/model/step_buffers.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "worker/model/fp8_matrix.h"
#include "worker/model/residual_offload.h"

namespace lockstep {
namespace {

// A row for each token.
at::Tensor TakeRows(int64_t columns, const StepShape& shape, Arena& arena) {
  return arena.Take({shape.max_tokens, columns}, shape.compute);
}

// Rows of so many columns at the beginning of `place`.
at::Tensor RowsIn(const at::Tensor& place, int64_t columns) {
  if (!place.defined()) return place;
  const int64_t tokens = place.size(0);
  return place.view({-1})
      .narrow(0, 0, tokens * columns)
      .view({tokens, columns});
}

// What a block keeps under `recompute` in buffers of its own; the rest stays
// as it is in `kept`.
void CarveKept(const ModelConfig& config, const BlockShape& block,
               const StepShape& shape, Recompute recompute, Arena& arena,
               BlockActivations& kept) {
  const int64_t tokens = shape.max_tokens;
  const int64_t hidden = config.hidden_size;
  const auto rows = [&](int64_t columns) {
    return TakeRows(columns, shape, arena);
  };
  if (recompute == Recompute::kBlock) return;
  kept.middle_TD = rows(hidden);
  kept.inv_rms1_T = arena.Take({tokens});
  kept.inv_rms2_T = arena.Take({tokens});
  kept.qkv_TN = rows(block.qkv.out);
  kept.log_sum_HT = arena.Take({config.num_heads, tokens});
  kept.attended_TQ = rows(block.o.in + block.o.tail);
  kept.gate_up_TI = rows(block.gate_up.out + block.gate_up.tail);
  if (recompute == Recompute::kNormSwiglu) return;
  kept.x1_TD = rows(hidden + block.qkv.tail);
  kept.x2_TD = rows(hidden + block.gate_up.tail);
  kept.inner_TI = rows(block.down.in + block.down.tail);
}

void CarveLinearScratch(int64_t hidden, const BlockShape& block,
                        const StepShape& shape, Arena& arena,
                        LinearScratch& scratch) {
  const int64_t widest_input = std::max({hidden, block.o.in, block.down.in});
  if (shape.dropout) {
    scratch.dropped_TK = TakeRows(widest_input, shape, arena);
  }
  if (!shape.fp8) return;
  int64_t widest = 0;
  for (const LinearShape* linear : block.linears()) {
    const int64_t tail = shape.fp8_tails ? linear->tail : 0;
    widest = std::max({widest, Fp8RowBytes(linear->in, tail),
                       Fp8RowBytes(linear->out, tail)});
  }
  scratch.fp8_bytes = arena.Take({shape.max_tokens * widest}, at::kByte);
  scratch.fp8_scale_T = arena.Take({shape.max_tokens});
}

// What lives longer than the rest. The rows of all ranks come when the pass is
// over: they have no place of their own but that of whatever is cut after them,
// and more only if that is less.
void CarveGradient(const ModelConfig& config, const BlockShape& block,
                   const StepShape& shape, Arena& arena, StepBuffers& buffers) {
  if (!shape.backward) return;
  const int64_t hidden = config.hidden_size;
  buffers.dresidual_TD =
      TakeRows(hidden + std::max(block.o.tail, block.down.tail), shape, arena);
  if (shape.gathered_ranks == 0) return;
  InputRows& input = buffers.input;
  input.ids_T = arena.Take({shape.max_tokens}, at::kInt);
  input.drows_TD = buffers.dresidual_TD;
  const int64_t mark = arena.Mark();
  input.all_ids_RT =
      arena.Take({shape.gathered_ranks, shape.max_tokens}, at::kInt);
  input.all_drows_RTD = arena.Take(
      {shape.gathered_ranks, shape.max_tokens, hidden}, shape.compute);
  arena.Release(mark);
}

// Scratch of the head and that of the blocks are never in use together; only
// the gradient of the residual stream goes from the one to the other.
void CarveScratch(const ModelConfig& config, const BlockShape& block,
                  const StepShape& shape, Arena& arena, StepBuffers& buffers) {
  const int64_t hidden = config.hidden_size;
  const auto rows = [&](int64_t columns) {
    return TakeRows(columns, shape, arena);
  };
  const int64_t head = arena.Mark();
  buffers.head_x_TD = rows(hidden);
  if (shape.backward) buffers.head_dx_TD = rows(hidden);
  buffers.logits_CV =
      arena.Take({shape.logits_rows, config.vocab_size}, shape.compute);
  buffers.loss_C = arena.Take({shape.logits_rows});
  arena.Release(head);
  const at::Tensor place = rows(std::max(hidden, block.o.in));
  buffers.delta_TD = RowsIn(place, hidden);
  CarveLinearScratch(hidden, block, shape, arena, buffers.linear);
  buffers.attention_work = arena.Take({shape.attention_work_bytes}, at::kByte);
  if (!shape.backward) return;
  buffers.dx_TD = RowsIn(place, hidden);
  buffers.dattended_TQ = RowsIn(place, block.o.in);
  buffers.dqkv_TN = rows(block.qkv.out + block.qkv.tail);
  buffers.norm_scratch = arena.Take({shape.norm_scratch_floats});
}

at::Tensor Rows(const at::Tensor& tensor, int64_t rows) {
  if (!tensor.defined() || tensor.size(0) == rows) return tensor;
  return tensor.narrow(0, 0, rows);
}

BlockActivations FirstRowsOf(const BlockActivations& all, int64_t rows) {
  return BlockActivations{
      .residual_TD = Rows(all.residual_TD, rows),
      .middle_TD = Rows(all.middle_TD, rows),
      .x1_TD = Rows(all.x1_TD, rows),
      .inv_rms1_T = Rows(all.inv_rms1_T, rows),
      .x2_TD = Rows(all.x2_TD, rows),
      .inv_rms2_T = Rows(all.inv_rms2_T, rows),
      .qkv_TN = Rows(all.qkv_TN, rows),
      .log_sum_HT = all.log_sum_HT.narrow(1, 0, rows),
      .attended_TQ = Rows(all.attended_TQ, rows),
      .gate_up_TI = Rows(all.gate_up_TI, rows),
      .inner_TI = Rows(all.inner_TI, rows),
  };
}

}  // namespace

StepBuffers CarveStepBuffers(const ModelConfig& config, const BlockShape& block,
                             const StepShape& shape, Arena& arena) {
  StepBuffers buffers;
  const int64_t tokens = shape.max_tokens;
  CarveGradient(config, block, shape, arena, buffers);
  BlockActivations kept;
  for (int64_t i = 0; i < config.num_layers; ++i) {
    if (i == 0 || shape.backward) {
      kept.residual_TD = shape.offload_residual && i >= kResidualPlaces
                             ? buffers.blocks[i - kResidualPlaces].residual_TD
                             : TakeRows(config.hidden_size, shape, arena);
      CarveKept(config, block, shape,
                i == 0 ? Recompute::kNone : shape.recompute, arena, kept);
    }
    buffers.blocks.push_back(kept);
  }
  buffers.last_residual_TD = TakeRows(config.hidden_size, shape, arena);
  buffers.last_inv_rms_T = arena.Take({tokens});
  buffers.final_TD = TakeRows(config.hidden_size, shape, arena);
  CarveScratch(config, block, shape, arena, buffers);
  return buffers;
}

StepBuffers StepBuffers::FirstRows(int64_t tokens) const {
  StepBuffers first = *this;
  for (BlockActivations& block : first.blocks) {
    block = FirstRowsOf(block, tokens);
  }
  for (at::Tensor* tensor :
       {&first.last_residual_TD, &first.last_inv_rms_T, &first.final_TD,
        &first.head_x_TD, &first.head_dx_TD, &first.delta_TD,
        &first.linear.dropped_TK, &first.dresidual_TD, &first.dx_TD,
        &first.dattended_TQ, &first.dqkv_TN}) {
    *tensor = Rows(*tensor, tokens);
  }
  return first;
}

}  // namespace lockstep
