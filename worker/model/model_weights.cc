#include "worker/model/model_weights.h"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "worker/model/linear.h"
#include "worker/model/random.h"

namespace lockstep {
namespace {

// Rows of several parameters that follow one another, as one matrix.
at::Tensor FusedView(const at::Tensor& flat, int64_t offset,
                     const std::vector<int64_t>& shape) {
  int64_t size = 1;
  for (int64_t length : shape) size *= length;
  return flat.narrow(0, offset, size).view(shape);
}

// A copy of the trained weights in another type, and products of the plain
// path in it, do not exist.
absl::Status CheckBuilt(const ModelConfig& config, const Method& method,
                        const Placement& placement) {
  if (placement.compute == at::kFloat) return absl::OkStatus();
  if (config.head_dim % 8 != 0 || config.head_dim > 256) {
    return absl::UnimplementedError(
        absl::StrCat("head_dim ", config.head_dim,
                     ": a GPU attends with multiples of 8 up to 256"));
  }
  if (method.kind == Method::Kind::kFull) {
    return absl::UnimplementedError(
        "method.full: trains in float32 only, which is what a CPU computes in");
  }
  if (method.kind == Method::Kind::kLora && !method.lora.concatenated()) {
    return absl::UnimplementedError(absl::StrCat(
        "method.lora: r ", method.lora.r, " and dropout ", method.lora.dropout,
        " where a GPU trains r up to 64 without dropout"));
  }
  return absl::OkStatus();
}

}  // namespace

ModelWeights::ModelWeights(const ModelConfig& config, const Method& method,
                           const Placement& placement)
    : config_(config),
      method_(method),
      placement_(placement),
      block_shape_(
          MakeBlockShape(config, lora(), placement.device.is_cpu() ? 1 : 16)),
      blocks_(config.num_layers),
      gradients_(config.num_layers) {}

const LoraOptions* ModelWeights::lora() const {
  return method_.kind == Method::Kind::kLora ? &method_.lora : nullptr;
}

absl::StatusOr<std::unique_ptr<ModelWeights>> ModelWeights::Load(
    const ModelConfig& config, const Method& method, const TensorReader& read,
    const Placement& placement) {
  RETURN_IF_ERROR(CheckBuilt(config, method, placement));
  std::unique_ptr<ModelWeights> weights(
      new ModelWeights(config, method, placement));
  switch (method.kind) {
    case Method::Kind::kFull:
      weights->parameters_ = std::make_unique<Parameters>(
          FullParameters(config), placement.device);
      RETURN_IF_ERROR(weights->ReadParameters(read));
      weights->BindFull();
      break;
    case Method::Kind::kLora:
      weights->parameters_ = std::make_unique<Parameters>(
          LoraParameters(config, method.lora), placement.device);
      RETURN_IF_ERROR(weights->LoadBase(read));
      weights->BindAdapters();
      weights->InitializeAdapters();
      break;
    case Method::Kind::kFrozen:
      RETURN_IF_ERROR(weights->LoadBase(read));
      break;
  }
  RETURN_IF_ERROR(weights->AfterUpdate());
  return weights;
}

absl::Status ModelWeights::LoadAdapters(const TensorReader& read) {
  RETURN_IF_ERROR(ReadParameters(read));
  return AfterUpdate();
}

absl::Status ModelWeights::AfterUpdate() {
  if (lora() == nullptr || !lora()->concatenated()) return absl::OkStatus();
  for (BlockWeights& block : blocks_) {
    RETURN_IF_ERROR(PackAdapters(block_shape_.qkv, *lora(), block.qkv));
    RETURN_IF_ERROR(PackAdapters(block_shape_.o, *lora(), block.o));
    RETURN_IF_ERROR(PackAdapters(block_shape_.gate_up, *lora(), block.gate_up));
    RETURN_IF_ERROR(PackAdapters(block_shape_.down, *lora(), block.down));
  }
  return absl::OkStatus();
}

absl::Status ModelWeights::ReadParameters(const TensorReader& read) {
  return parameters_->Fill(parameters_->values(),
                           [&](const Parameter& parameter, float* out) {
                             return read(parameter.name, parameter.shape, out);
                           });
}

absl::StatusOr<at::Tensor> ModelWeights::Read(const std::string& name,
                                              const std::vector<int64_t>& shape,
                                              const TensorReader& read) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  RETURN_IF_ERROR(read(name, shape, tensor.data_ptr<float>()));
  return tensor;
}

at::TensorOptions ModelWeights::FrozenOptions() const {
  return at::TensorOptions(placement_.compute).device(placement_.device);
}

absl::StatusOr<at::Tensor> ModelWeights::ReadFrozen(
    const std::string& name, const std::vector<int64_t>& shape,
    const TensorReader& read) {
  ASSIGN_OR_RETURN(const at::Tensor value, Read(name, shape, read));
  at::Tensor placed = value.to(FrozenOptions());
  frozen_bytes_ += static_cast<int64_t>(placed.nbytes());
  return placed;
}

absl::Status ModelWeights::LoadBase(const TensorReader& read) {
  const int64_t hidden = config_.hidden_size;
  ASSIGN_OR_RETURN(embedding_, ReadFrozen("model.embed_tokens.weight",
                                          {config_.vocab_size, hidden}, read));
  ASSIGN_OR_RETURN(final_norm_,
                   ReadFrozen("model.norm.weight", {hidden}, read));
  head_ = embedding_;
  if (!config_.tie_word_embeddings) {
    ASSIGN_OR_RETURN(head_, ReadFrozen("lm_head.weight",
                                       {config_.vocab_size, hidden}, read));
  }
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
    BlockWeights& block = blocks_[layer];
    ASSIGN_OR_RETURN(block.input_norm,
                     ReadFrozen(ModuleName(layer, "input_layernorm.weight"),
                                {hidden}, read));
    ASSIGN_OR_RETURN(
        block.post_attention_norm,
        ReadFrozen(ModuleName(layer, "post_attention_layernorm.weight"),
                   {hidden}, read));
    const BlockShape& shape = block_shape_;
    RETURN_IF_ERROR(LoadFrozenLinear(layer, shape.qkv, read, block.qkv));
    RETURN_IF_ERROR(LoadFrozenLinear(layer, shape.o, read, block.o));
    RETURN_IF_ERROR(
        LoadFrozenLinear(layer, shape.gate_up, read, block.gate_up));
    RETURN_IF_ERROR(LoadFrozenLinear(layer, shape.down, read, block.down));
  }
  return absl::OkStatus();
}

absl::Status ModelWeights::LoadFrozenLinear(int64_t layer,
                                            const LinearShape& shape,
                                            const TensorReader& read,
                                            LinearWeights& weights) {
  const bool concatenated = lora() != nullptr && lora()->concatenated();
  const int64_t tail = concatenated ? shape.tail : 0;
  weights.matrix =
      at::zeros({shape.out + tail, shape.in + tail}, FrozenOptions());
  frozen_bytes_ += weights.matrix.nbytes();
  if (shape.has_bias) {
    weights.bias = at::empty({shape.out}, FrozenOptions());
    frozen_bytes_ += weights.bias.nbytes();
  }
  for (const LinearSegment& segment : shape.segments) {
    const std::string module = ModuleName(layer, segment.module);
    ASSIGN_OR_RETURN(const at::Tensor rows,
                     Read(module + ".weight", {segment.rows, shape.in}, read));
    weights.matrix.narrow(0, segment.row, segment.rows)
        .narrow(1, 0, shape.in)
        .copy_(rows);
    if (!shape.has_bias) continue;
    ASSIGN_OR_RETURN(const at::Tensor bias,
                     Read(module + ".bias", {segment.rows}, read));
    weights.bias.narrow(0, segment.row, segment.rows).copy_(bias);
  }
  return absl::OkStatus();
}

void ModelWeights::BindFull() {
  Parameters& all = *parameters_;
  embedding_ = all.Value("model.embed_tokens.weight");
  embedding_gradient_ = all.Gradient("model.embed_tokens.weight");
  final_norm_ = all.Value("model.norm.weight");
  final_norm_gradient_ = all.Gradient("model.norm.weight");
  const std::string head = config_.tie_word_embeddings
                               ? "model.embed_tokens.weight"
                               : "lm_head.weight";
  head_ = all.Value(head);
  head_gradient_ = all.Gradient(head);
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
    BlockWeights& weights = blocks_[layer];
    BlockGradients& gradients = gradients_[layer];
    const std::string input = ModuleName(layer, "input_layernorm.weight");
    weights.input_norm = all.Value(input);
    gradients.input_norm = all.Gradient(input);
    const std::string post =
        ModuleName(layer, "post_attention_layernorm.weight");
    weights.post_attention_norm = all.Value(post);
    gradients.post_attention_norm = all.Gradient(post);
    BindFullLinear(layer, block_shape_.qkv, weights.qkv, gradients.qkv);
    BindFullLinear(layer, block_shape_.o, weights.o, gradients.o);
    BindFullLinear(layer, block_shape_.gate_up, weights.gate_up,
                   gradients.gate_up);
    BindFullLinear(layer, block_shape_.down, weights.down, gradients.down);
  }
}

void ModelWeights::BindFullLinear(int64_t layer, const LinearShape& shape,
                                  LinearWeights& weights,
                                  LinearGradients& gradients) {
  const std::string first = ModuleName(layer, shape.segments[0].module);
  // FullParameters lays the segments of a fused matrix out one after another.
  const int64_t offset = parameters_->Value(first + ".weight").storage_offset();
  weights.matrix =
      FusedView(parameters_->values(), offset, {shape.out, shape.in});
  gradients.matrix =
      FusedView(parameters_->gradients(), offset, {shape.out, shape.in});
  if (!shape.has_bias) return;
  const int64_t bias = parameters_->Value(first + ".bias").storage_offset();
  weights.bias = FusedView(parameters_->values(), bias, {shape.out});
  gradients.bias = FusedView(parameters_->gradients(), bias, {shape.out});
}

void ModelWeights::BindAdapters() {
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
    BlockWeights& weights = blocks_[layer];
    BlockGradients& gradients = gradients_[layer];
    BindLinearAdapters(layer, block_shape_.qkv, weights.qkv, gradients.qkv);
    BindLinearAdapters(layer, block_shape_.o, weights.o, gradients.o);
    BindLinearAdapters(layer, block_shape_.gate_up, weights.gate_up,
                       gradients.gate_up);
    BindLinearAdapters(layer, block_shape_.down, weights.down, gradients.down);
  }
}

void ModelWeights::BindLinearAdapters(int64_t layer, const LinearShape& shape,
                                      LinearWeights& weights,
                                      LinearGradients& gradients) {
  for (const LinearSegment& segment : shape.segments) {
    if (!segment.adapted) continue;
    const std::string a = LoraAName(layer, segment.module);
    const std::string b = LoraBName(layer, segment.module);
    weights.adapters.push_back({parameters_->Value(a), parameters_->Value(b)});
    gradients.adapters.push_back(
        {parameters_->Gradient(a), parameters_->Gradient(b)});
  }
}

void ModelWeights::InitializeAdapters() {
  uint64_t number = 0;
  for (BlockWeights& block : blocks_) {
    for (LinearWeights* linear :
         {&block.qkv, &block.o, &block.gate_up, &block.down}) {
      for (Adapter& adapter : linear->adapters) {
        const double bound = 1.0 / std::sqrt(adapter.a.size(1));
        at::Tensor start = at::empty(adapter.a.sizes(), at::kFloat);
        FillUniform(Mix(method_.seed, ++number), -bound, bound, start);
        adapter.a.copy_(start);
      }
    }
  }
}

}  // namespace lockstep
