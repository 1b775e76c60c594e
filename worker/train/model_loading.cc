#include "worker/train/model_loading.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/status_macros.h"
#include "worker/io/hf_config.h"
#include "worker/io/peft_adapter.h"
#include "worker/io/weight_map.h"
#include "worker/train/rank_end.h"
#include "worker/train/run_result.h"
#include "worker/train/weight_upload.h"

namespace lockstep {
namespace {

std::string Describe(const PeftConfig& config) {
  return absl::StrCat("r ", config.r, ", alpha ", config.lora_alpha,
                      config.use_rslora ? ", rsLoRA" : "", ", target_modules ",
                      absl::StrJoin(config.target_modules, " "));
}

// An adapter goes on only as what it is.
absl::Status CheckSameAdapter(const std::string& dir, PeftConfig stored,
                              const PeftConfig& wanted) {
  std::sort(stored.target_modules.begin(), stored.target_modules.end());
  if (stored.r == wanted.r && stored.lora_alpha == wanted.lora_alpha &&
      stored.use_rslora == wanted.use_rslora &&
      stored.target_modules == wanted.target_modules) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "model.adapter: ", dir, " has ", Describe(stored),
      "; method.lora must say the same, and says ", Describe(wanted)));
}

absl::Status StartFromAdapter(const v1::JobSpec& spec, ModelWeights& weights) {
  const std::string& dir = spec.model().adapter();
  ASSIGN_OR_RETURN(const PeftAdapter adapter,
                   PeftAdapter::Open(dir, weights.config()));
  RETURN_IF_ERROR(CheckSameAdapter(
      dir, adapter.config(),
      PeftConfigOf(spec, weights.method().lora.target_modules)));
  return LoadAdapter(adapter, weights);
}

absl::StatusOr<std::unique_ptr<ModelWeights>> Load(const v1::JobSpec& spec,
                                                   const Placement& placement) {
  ASSIGN_OR_RETURN(const Method method, MethodOf(spec));
  ASSIGN_OR_RETURN(std::unique_ptr<ModelWeights> weights,
                   LoadBase(spec.model().path(), method, placement));
  if (spec.model().has_adapter()) {
    RETURN_IF_ERROR(StartFromAdapter(spec, *weights));
  }
  return weights;
}

}  // namespace

absl::StatusOr<Method> MethodOf(const v1::JobSpec& spec) {
  Method method;
  method.seed = static_cast<uint64_t>(spec.train().seed());
  if (!spec.method().has_lora()) {
    method.kind = Method::Kind::kFull;
    return method;
  }
  const v1::LoraSpec& lora = spec.method().lora();
  method.kind = Method::Kind::kLora;
  ASSIGN_OR_RETURN(method.lora.target_modules,
                   ResolveTargets({lora.target_modules().begin(),
                                   lora.target_modules().end()}));
  method.lora.r = lora.r();
  method.lora.scale = PeftConfigOf(spec, method.lora.target_modules).scale();
  method.lora.dropout = lora.dropout();
  method.lora.fp8_base = lora.base_dtype() == "fp8";
  return method;
}

absl::StatusOr<ModelShape> ReadModelShape(const v1::JobSpec& spec) {
  absl::StatusOr<ModelConfig> config = ReadModelConfig(spec.model().path());
  if (!config.ok()) {
    return WithCause(v1::Attempt::INVALID_INPUT, config.status());
  }
  ASSIGN_OR_RETURN(Method method, MethodOf(spec));
  return ModelShape{*std::move(config), std::move(method)};
}

absl::StatusOr<std::unique_ptr<ModelWeights>> LoadBase(
    const std::string& dir, const Method& method, const Placement& placement) {
  ASSIGN_OR_RETURN(const ModelConfig config, ReadModelConfig(dir));
  ASSIGN_OR_RETURN(const WeightSource source, WeightSource::Open(dir));
  WeightUpload upload(source, placement.device);
  return ModelWeights::Load(
      config, method,
      [&upload](const std::string& name, const at::Tensor& out) {
        return upload.Place(name, out);
      },
      placement);
}

absl::Status LoadAdapter(const PeftAdapter& adapter, ModelWeights& weights) {
  return weights.LoadAdapters(
      [&adapter](const std::string& name, const std::vector<int64_t>& shape,
                 float* out) { return adapter.ReadFloat32(name, shape, out); });
}

absl::StatusOr<std::unique_ptr<ModelWeights>> LoadModel(
    const v1::JobSpec& spec, const Placement& placement) {
  absl::StatusOr<std::unique_ptr<ModelWeights>> weights = Load(spec, placement);
  if (weights.ok()) return weights;
  return WithCause(v1::Attempt::INVALID_INPUT, weights.status());
}

}  // namespace lockstep
