#include "worker/train/forward.h"

#include <ATen/core/Tensor.h>

#include <memory>
#include <numeric>

#include "proto/contract/status_macros.h"
#include "worker/io/peft_adapter.h"
#include "worker/io/safetensors.h"
#include "worker/model/model_weights.h"
#include "worker/model/transformer.h"
#include "worker/train/model_loading.h"

namespace lockstep {
namespace {

Method MethodOfAdapter(const PeftConfig& config) {
  Method method;
  method.kind = Method::Kind::kLora;
  method.lora.r = config.r;
  method.lora.scale = config.scale();
  method.lora.target_modules = config.target_modules;
  return method;
}

absl::StatusOr<std::unique_ptr<ModelWeights>> Load(
    const ForwardOptions& options) {
  if (options.adapter.empty()) return LoadBase(options.model, Method());
  ASSIGN_OR_RETURN(const PeftConfig config, ReadPeftConfig(options.adapter));
  ASSIGN_OR_RETURN(std::unique_ptr<ModelWeights> weights,
                   LoadBase(options.model, MethodOfAdapter(config)));
  ASSIGN_OR_RETURN(const PeftAdapter adapter,
                   PeftAdapter::Open(options.adapter, weights->config()));
  RETURN_IF_ERROR(LoadAdapter(adapter, *weights));
  return weights;
}

absl::StatusOr<at::Tensor> Logits(ModelWeights& weights,
                                  const std::vector<int32_t>& ids) {
  const auto tokens = static_cast<int64_t>(ids.size());
  ASSIGN_OR_RETURN(const std::unique_ptr<Transformer> model,
                   Transformer::Create(weights, {.max_tokens = tokens,
                                                 .max_document = tokens,
                                                 .backward = false}));
  std::vector<int32_t> positions(ids.size());
  std::iota(positions.begin(), positions.end(), 0);
  const std::vector<int32_t> labels(ids.size(), -1);
  const std::vector<int32_t> cu_seqlens = {0, static_cast<int32_t>(tokens)};
  return model->Logits({.ids = ids,
                        .labels = labels,
                        .positions = positions,
                        .cu_seqlens = cu_seqlens});
}

}  // namespace

absl::Status WriteLogits(const ForwardOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ModelWeights> weights, Load(options));
  ASSIGN_OR_RETURN(const at::Tensor logits_TV, Logits(*weights, options.ids));
  const TensorToWrite tensor = {.name = "logits",
                                .dtype = "F32",
                                .shape = logits_TV.sizes().vec(),
                                .data = logits_TV.const_data_ptr<float>()};
  return WriteSafetensors(options.output, {tensor}, PytorchMetadata(),
                          /*sync=*/false)
      .status();
}

}  // namespace lockstep
