#include "worker/model/model_weights.h"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "proto/contract/status_macros.h"
#include "worker/model/buildable.h"
#include "worker/model/frozen_weights.h"
#include "worker/model/pack_adapters.h"
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

// On the host, in float32, then to where it belongs.
TensorPlacer ByWayOf(const TensorReader& read) {
  return [&read](const std::string& name, const at::Tensor& out) {
    const at::Tensor host = at::empty(out.sizes(), at::kFloat);
    RETURN_IF_ERROR(read(name, out.sizes().vec(), host.data_ptr<float>()));
    out.copy_(host);
    return absl::OkStatus();
  };
}

}  // namespace

ModelWeights::ModelWeights(const ModelConfig& config, const Method& method,
                           const Placement& placement)
    : config_(config),
      method_(method),
      placement_(placement),
      block_shape_(BlockShapeOf(config, method, placement)),
      blocks_(config.num_layers),
      gradients_(config.num_layers) {}

absl::StatusOr<std::unique_ptr<ModelWeights>> ModelWeights::Load(
    const ModelConfig& config, const Method& method, const TensorReader& read,
    const Placement& placement) {
  return Load(config, method, ByWayOf(read), placement);
}

absl::StatusOr<std::unique_ptr<ModelWeights>> ModelWeights::Load(
    const ModelConfig& config, const Method& method, const TensorPlacer& place,
    const Placement& placement) {
  RETURN_IF_ERROR(CheckBuildable(config, method, placement, GpuOf(placement)));
  std::unique_ptr<ModelWeights> weights(
      new ModelWeights(config, method, placement));
  switch (method.kind) {
    case Method::Kind::kFull:
      weights->MakeParameters(FullParameters(config));
      RETURN_IF_ERROR(weights->PlaceParameters(place));
      weights->BindFull();
      break;
    case Method::Kind::kLora:
      weights->MakeParameters(LoraParameters(config, method.lora));
      RETURN_IF_ERROR(weights->LoadBase(place));
      weights->BindAdapters();
      weights->InitializeAdapters();
      break;
    case Method::Kind::kFrozen:
      RETURN_IF_ERROR(weights->LoadBase(place));
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
  if (parameters_ == nullptr) return absl::OkStatus();
  if (HasComputedCopy(method_, placement_)) {
    computed_.copy_(parameters_->values());
  }
  if (lora() == nullptr || !lora()->concatenated()) return absl::OkStatus();
  return PackAdapters(block_shape_, *lora(), blocks_);
}

void ModelWeights::MakeParameters(std::vector<Parameter> list) {
  parameters_ =
      std::make_unique<Parameters>(std::move(list), placement_.device);
  computed_ = parameters_->values();
  if (HasComputedCopy(method_, placement_)) {
    computed_ =
        at::zeros({parameters_->size()},
                  parameters_->values().options().dtype(placement_.compute));
  }
}

at::Tensor ModelWeights::Computed(const std::string& name) const {
  return parameters_->ViewLike(computed_, name);
}

absl::Status ModelWeights::PlaceParameters(const TensorPlacer& place) {
  for (const Parameter& parameter : parameters_->list()) {
    RETURN_IF_ERROR(place(parameter.name, parameters_->Value(parameter.name)));
  }
  return absl::OkStatus();
}

absl::Status ModelWeights::ReadParameters(const TensorReader& read) {
  return parameters_->Fill(parameters_->values(),
                           [&](const Parameter& parameter, float* out) {
                             return read(parameter.name, parameter.shape, out);
                           });
}

void ModelWeights::CarveBase() {
  const auto carve = [&](Arena& arena) {
    return CarveFrozenWeights(config_, block_shape_, lora(), placement_.compute,
                              arena);
  };
  Arena measure;
  carve(measure);
  frozen_ = std::make_unique<Arena>(measure.peak_bytes(), placement_.device);
  FrozenWeights frozen = carve(*frozen_);
  embedding_ = frozen.embedding;
  final_norm_ = frozen.final_norm;
  head_ = frozen.head;
  blocks_ = std::move(frozen.blocks);
}

absl::Status ModelWeights::LoadBase(const TensorPlacer& place) {
  CarveBase();
  RETURN_IF_ERROR(place(kEmbeddingName, embedding_));
  RETURN_IF_ERROR(place("model.norm.weight", final_norm_));
  if (!config_.tie_word_embeddings) {
    RETURN_IF_ERROR(place("lm_head.weight", head_));
  }
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
    BlockWeights& block = blocks_[layer];
    RETURN_IF_ERROR(
        place(ModuleName(layer, "input_layernorm.weight"), block.input_norm));
    RETURN_IF_ERROR(place(ModuleName(layer, "post_attention_layernorm.weight"),
                          block.post_attention_norm));
    const BlockShape& shape = block_shape_;
    RETURN_IF_ERROR(LoadFrozenLinear(layer, shape.qkv, place, block.qkv));
    RETURN_IF_ERROR(LoadFrozenLinear(layer, shape.o, place, block.o));
    RETURN_IF_ERROR(
        LoadFrozenLinear(layer, shape.gate_up, place, block.gate_up));
    RETURN_IF_ERROR(LoadFrozenLinear(layer, shape.down, place, block.down));
  }
  return absl::OkStatus();
}

absl::Status ModelWeights::LoadFrozenLinear(int64_t layer,
                                            const LinearShape& shape,
                                            const TensorPlacer& place,
                                            LinearWeights& weights) {
  const bool fp8 = !weights.matrix.defined();
  const at::Tensor matrix =
      fp8 ? at::empty({shape.out, shape.in},
                      weights.fp8.scale_T.options().dtype(placement_.compute))
          : weights.matrix;
  for (const LinearSegment& segment : shape.segments) {
    const std::string module = ModuleName(layer, segment.module);
    RETURN_IF_ERROR(place(
        module + ".weight",
        matrix.narrow(0, segment.row, segment.rows).narrow(1, 0, shape.in)));
    if (!shape.has_bias) continue;
    RETURN_IF_ERROR(place(module + ".bias",
                          weights.bias.narrow(0, segment.row, segment.rows)));
  }
  if (!fp8) return absl::OkStatus();
  RETURN_IF_ERROR(QuantizeWeights(matrix, weights.fp8));
  return QuantizeWeights(matrix.t().contiguous(), weights.fp8_transposed);
}

void ModelWeights::BindFull() {
  Parameters& all = *parameters_;
  embedding_ = Computed(kEmbeddingName);
  embedding_gradient_ = all.Gradient(kEmbeddingName);
  final_norm_ = Computed("model.norm.weight");
  final_norm_gradient_ = all.Gradient("model.norm.weight");
  const std::string head =
      config_.tie_word_embeddings ? kEmbeddingName : "lm_head.weight";
  head_ = Computed(head);
  head_gradient_ = all.Gradient(head);
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
    BlockWeights& weights = blocks_[layer];
    BlockGradients& gradients = gradients_[layer];
    const std::string input = ModuleName(layer, "input_layernorm.weight");
    weights.input_norm = Computed(input);
    gradients.input_norm = all.Gradient(input);
    const std::string post =
        ModuleName(layer, "post_attention_layernorm.weight");
    weights.post_attention_norm = Computed(post);
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
  weights.matrix = FusedView(computed_, offset, {shape.out, shape.in});
  gradients.matrix =
      FusedView(parameters_->gradients(), offset, {shape.out, shape.in});
  if (!shape.has_bias) return;
  const int64_t bias = parameters_->Value(first + ".bias").storage_offset();
  weights.bias = FusedView(computed_, bias, {shape.out});
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
    weights.adapters.push_back({Computed(a), Computed(b)});
    gradients.adapters.push_back(
        {parameters_->Gradient(a), parameters_->Gradient(b)});
  }
}

void ModelWeights::InitializeAdapters() {
  uint64_t number = 0;
  const BlockShape& block = block_shape_;
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
    for (const LinearShape* linear : block.linears()) {
      for (const LinearSegment& segment : linear->segments) {
        if (!segment.adapted) continue;
        const at::Tensor a =
            parameters_->Value(LoraAName(layer, segment.module));
        const double bound = 1.0 / std::sqrt(a.size(1));
        at::Tensor start = at::empty(a.sizes(), at::kFloat);
        FillUniform(Mix(method_.seed, ++number), -bound, bound, start);
        a.copy_(start);
      }
    }
  }
}

}  // namespace lockstep
