#include "worker/model/transformer.h"

#include <ATen/ATen.h>

#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "kernels/embedding.h"
#include "kernels/rms_norm.h"
#include "proto/contract/check.h"
#include "proto/contract/status_macros.h"
#include "worker/model/backward_stage.h"
#include "worker/model/memory_needs.h"
#include "worker/model/view.h"

namespace lockstep {
namespace {

std::unique_ptr<GpuAttention> MakeGpuAttention(
    const ModelWeights& weights, const TransformerOptions& options) {
  if (weights.placement().device.is_cpu()) return nullptr;
  return std::make_unique<GpuAttention>(QkvLayoutOf(weights.config()),
                                        options.attention());
}

// The mask of the first module of the first block.
DropoutMask MaskOf(const ModelWeights& weights, uint64_t micro_batch) {
  const LoraOptions* lora = weights.lora();
  if (lora == nullptr) return {};
  return {
      .seed = weights.method().seed,
      .offset = micro_batch * weights.config().num_layers * kModulesPerBlock,
      .p = lora->dropout};
}

DropoutMask OfLayer(DropoutMask mask, int64_t layer) {
  mask.offset += static_cast<uint64_t>(layer * kModulesPerBlock);
  return mask;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transformer>> Transformer::Create(
    ModelWeights& weights, const TransformerOptions& options) {
  ASSIGN_OR_RETURN(RotaryTable rotary,
                   MakeRotaryTable(weights.config(), options.max_document,
                                   weights.placement().device));
  return absl::WrapUnique(new Transformer(weights, options, std::move(rotary)));
}

Transformer::Transformer(ModelWeights& weights,
                         const TransformerOptions& options, RotaryTable rotary)
    : weights_(weights),
      options_(options),
      rotary_(std::move(rotary)),
      gpu_attention_(MakeGpuAttention(weights, options)),
      block_(weights.config(), weights.block_shape(), weights.lora(), rotary_,
             gpu_attention_.get()),
      head_(weights.placement(), options.max_tokens),
      batch_(weights.placement().device, options.max_tokens) {
  const StepShape shape = StepShapeOf(weights.config(), weights.method(),
                                      weights.placement(), options);
  Arena measure;
  CarveStepBuffers(weights.config(), weights.block_shape(), shape, measure);
  arena_ =
      std::make_unique<Arena>(measure.peak_bytes(), weights.placement().device);
  all_buffers_ =
      CarveStepBuffers(weights.config(), weights.block_shape(), shape, *arena_);
  if (shape.offload_residual) {
    offload_ = std::make_unique<ResidualOffload>(
        weights.config().num_layers, all_buffers_.blocks[0].residual_TD);
  }
}

absl::StatusOr<StepOutput> Transformer::ForwardBackward(
    const TokenBatch& batch, uint64_t micro_batch, BackwardListener* listener,
    const std::function<void()>& backward_begins) {
  LOCKSTEP_CHECK(options_.backward);
  RETURN_IF_ERROR(Check(batch));
  // Nothing to learn from: the gradients would be zero.
  if (head_.SelectTrained(batch.labels) == 0) return StepOutput{};
  // No autograd and no version counters below this line.
  at::AutoDispatchBelowADInplaceOrView guard;
  StepBuffers& buffers = BuffersFor(batch.tokens());
  const DropoutMask mask = MaskOf(weights_, micro_batch);
  RETURN_IF_ERROR(Forward(batch, buffers, mask, offload_.get()));
  // The head makes its loss and its gradient in one.
  if (backward_begins != nullptr) backward_begins();
  ASSIGN_OR_RETURN(const StepOutput output,
                   head_.ForwardBackward(weights_.head(),
                                         weights_.head_gradient(), buffers));
  if (listener != nullptr) {
    RETURN_IF_ERROR(listener->Passed(AfterHead(weights_.config().num_layers)));
  }
  RETURN_IF_ERROR(Backward(buffers, mask, listener));
  return output;
}

absl::StatusOr<StepOutput> Transformer::Evaluate(const TokenBatch& batch) {
  RETURN_IF_ERROR(Check(batch));
  if (head_.SelectTrained(batch.labels) == 0) return StepOutput{};
  at::AutoDispatchBelowADInplaceOrView guard;
  StepBuffers& buffers = BuffersFor(batch.tokens());
  RETURN_IF_ERROR(Forward(batch, buffers, /*mask=*/{}, /*offload=*/nullptr));
  return head_.Forward(weights_.head(), buffers);
}

absl::StatusOr<at::Tensor> Transformer::Logits(const TokenBatch& batch) {
  RETURN_IF_ERROR(Check(batch));
  at::AutoDispatchBelowADInplaceOrView guard;
  StepBuffers& buffers = BuffersFor(batch.tokens());
  RETURN_IF_ERROR(Forward(batch, buffers, /*mask=*/{}, /*offload=*/nullptr));
  return at::mm(buffers.final_TD, weights_.head().t());
}

absl::Status Transformer::Check(const TokenBatch& batch) const {
  const int64_t tokens = batch.tokens();
  const int64_t longest = batch.longest_document();
  if (tokens > options_.max_tokens || longest > options_.max_document) {
    return absl::InvalidArgumentError(
        absl::StrCat("a micro-batch of ", tokens, " tokens with a document of ",
                     longest, " was planned with at most ", options_.max_tokens,
                     " and ", options_.max_document));
  }
  if (batch.labels.size() != batch.ids.size() ||
      batch.positions.size() != batch.ids.size() || batch.cu_seqlens.empty() ||
      batch.cu_seqlens.back() != tokens) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a micro-batch of ", tokens, " tokens has ", batch.labels.size(),
        " labels, ", batch.positions.size(), " positions and documents up to ",
        batch.cu_seqlens.empty() ? 0 : batch.cu_seqlens.back()));
  }
  const auto documents = static_cast<int64_t>(batch.cu_seqlens.size()) - 1;
  const int64_t most = options_.attention().documents;
  if (documents > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("a micro-batch of ", documents,
                     " documents was planned with at most ", most));
  }
  const int64_t vocabulary = weights_.config().vocab_size;
  for (int64_t t = 0; t < tokens; ++t) {
    if (batch.ids[t] < 0 || batch.ids[t] >= vocabulary ||
        batch.labels[t] >= vocabulary) {
      return absl::InvalidArgumentError(absl::StrCat(
          "token ", t, " of a micro-batch is ", batch.ids[t], " with label ",
          batch.labels[t], "; the vocabulary ends at ", vocabulary - 1));
    }
  }
  return absl::OkStatus();
}

StepBuffers& Transformer::BuffersFor(int64_t tokens) {
  if (tokens != buffers_tokens_) {
    buffers_ = all_buffers_.FirstRows(tokens);
    buffers_tokens_ = tokens;
  }
  return buffers_;
}

absl::Status Transformer::Forward(const TokenBatch& batch, StepBuffers& buffers,
                                  const DropoutMask& mask,
                                  ResidualOffload* offload) {
  batch_.Place(batch);
  if (gpu_attention_ != nullptr) gpu_attention_->Place(batch);
  const int64_t layers = weights_.config().num_layers;
  RETURN_IF_ERROR(EmbeddingForward(View(buffers.blocks[0].residual_TD),
                                   View(weights_.embedding()), batch_.ids()));
  at::Tensor base_TD;
  for (int64_t layer = 0; layer < layers; ++layer) {
    BlockActivations& kept = buffers.blocks[layer];
    if (offload != nullptr) offload->BeforeForward(layer);
    RETURN_IF_ERROR(block_.Forward(weights_.Weights(layer), batch_, base_TD,
                                   kept, buffers, OfLayer(mask, layer)));
    if (offload != nullptr) offload->AfterForward(layer, kept.residual_TD);
    weights_.Release(layer);
    base_TD = kept.middle_TD;
  }
  return RmsNormForward({.out_TD = View(buffers.final_TD),
                         .sum_TD = View(buffers.last_residual_TD),
                         .inv_rms_T = Floats(buffers.last_inv_rms_T),
                         .in_TD = View(base_TD),
                         .delta_TD = View(buffers.delta_TD),
                         .weight_D = View(weights_.final_norm()),
                         .epsilon = weights_.config().rms_norm_eps});
}

absl::Status Transformer::Backward(StepBuffers& buffers,
                                   const DropoutMask& mask,
                                   BackwardListener* listener) {
  const TensorView dresidual_TD =
      View(buffers.dresidual_TD, weights_.config().hidden_size);
  RETURN_IF_ERROR(
      RmsNormBackward({.d_in_TD = dresidual_TD,
                       .d_weight_D = Floats(weights_.final_norm_gradient()),
                       .d_out_TD = dresidual_TD,
                       .sum_TD = View(buffers.last_residual_TD),
                       .inv_rms_T = Floats(buffers.last_inv_rms_T),
                       .weight_D = View(weights_.final_norm()),
                       .scratch = Floats(buffers.norm_scratch)}));
  const bool trains_embedding = weights_.embedding_gradient().defined();
  const int64_t last = weights_.config().num_layers - 1;
  for (int64_t layer = last; layer >= 0; --layer) {
    const BlockWeights& weights = weights_.Weights(layer);
    BlockActivations& kept = buffers.blocks[layer];
    if (offload_ != nullptr) offload_->BeforeBackward(layer);
    // What the last block has shared is still there.
    if (layer < last) {
      RETURN_IF_ERROR(block_.Remake(options_.recompute, weights, batch_, kept,
                                    buffers, OfLayer(mask, layer)));
    }
    RETURN_IF_ERROR(BackwardBlock(
        layer, /*need_input_gradient=*/layer > 0 || trains_embedding, buffers,
        OfLayer(mask, layer), listener));
    if (offload_ != nullptr) offload_->AfterBackward(layer, kept.residual_TD);
    weights_.Release(layer);
  }
  if (!trains_embedding) return absl::OkStatus();
  if (listener != nullptr && input_rows().defined()) {
    return LeaveInputRows(*listener);
  }
  return EmbeddingBackward(View(weights_.embedding_gradient()), dresidual_TD,
                           batch_.ids());
}

absl::Status Transformer::BackwardBlock(int64_t layer, bool need_input_gradient,
                                        StepBuffers& buffers,
                                        const DropoutMask& mask,
                                        BackwardListener* listener) {
  const BlockWeights& weights = weights_.Weights(layer);
  BlockGradients& gradients = weights_.Gradients(layer);
  BlockActivations& kept = buffers.blocks[layer];
  RETURN_IF_ERROR(block_.BackwardMlp(weights, gradients, kept, buffers, mask));
  if (listener != nullptr) RETURN_IF_ERROR(listener->Passed(AfterMlp(layer)));
  RETURN_IF_ERROR(block_.BackwardAttention(
      weights, gradients, batch_, need_input_gradient, kept, buffers, mask));
  if (listener == nullptr) return absl::OkStatus();
  return listener->Passed(AfterBlock(layer));
}

absl::Status Transformer::LeaveInputRows(BackwardListener& listener) {
  const at::Tensor ids = batch_.ids_tensor();
  const at::Tensor& ids_T = input_rows().ids_T;
  ids_T.fill_(kNoRow);
  ids_T.narrow(0, 0, ids.numel()).copy_(ids);
  return listener.PassedInput();
}

}  // namespace lockstep
