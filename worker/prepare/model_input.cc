#include "worker/prepare/model_input.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/status_macros.h"
#include "worker/io/hf_config.h"
#include "worker/io/peft_adapter.h"
#include "worker/io/safetensors.h"
#include "worker/io/weight_map.h"
#include "worker/prepare/field.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

// all-linear spelled out. The validation has seen to the names.
std::vector<std::string> Targets(const v1::LoraSpec& lora) {
  std::vector<std::string> targets = {lora.target_modules().begin(),
                                      lora.target_modules().end()};
  if (targets == std::vector<std::string>{"all-linear"}) {
    targets = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
               "gate_proj", "up_proj", "down_proj"};
  }
  std::sort(targets.begin(), targets.end());
  return targets;
}

PeftConfig WantedAdapter(const v1::LoraSpec& lora) {
  PeftConfig config;
  config.r = lora.r();
  config.lora_alpha = lora.alpha();
  config.lora_dropout = lora.dropout();
  config.use_rslora = lora.use_rslora();
  config.target_modules = Targets(lora);
  return config;
}

// An adapter brings its numbers with it: another rank or scale would be
// another function. Dropout is of the training only.
absl::Status CheckAdapterFits(const std::string& path, const PeftConfig& wanted,
                              const PeftConfig& has) {
  const auto differs = [&](const char* field, const auto& wants,
                           const auto& found) {
    return absl::InvalidArgumentError(
        absl::StrCat("model.adapter: ", path, " has ", field, " ", found,
                     ", but method.lora.", field, " is ", wants,
                     "; an adapter that is trained on keeps its own"));
  };
  if (wanted.r != has.r) return differs("r", wanted.r, has.r);
  if (wanted.lora_alpha != has.lora_alpha) {
    return differs("alpha", wanted.lora_alpha, has.lora_alpha);
  }
  if (wanted.use_rslora != has.use_rslora) {
    return differs("use_rslora", wanted.use_rslora ? "true" : "false",
                   has.use_rslora ? "true" : "false");
  }
  if (wanted.target_modules != has.target_modules) {
    return differs("target_modules", absl::StrJoin(wanted.target_modules, ", "),
                   absl::StrJoin(has.target_modules, ", "));
  }
  return absl::OkStatus();
}

absl::Status CheckAdapter(const v1::JobSpec& spec, const ModelConfig& config) {
  if (!spec.model().has_adapter()) return absl::OkStatus();
  const absl::StatusOr<PeftAdapter> adapter =
      PeftAdapter::Open(spec.model().adapter(), config);
  if (!adapter.ok()) return InField("model.adapter", adapter.status());
  return CheckAdapterFits(spec.model().adapter(),
                          WantedAdapter(spec.method().lora()),
                          adapter->config());
}

int64_t CountTrainable(const v1::JobSpec& spec, const ModelConfig& config) {
  if (spec.method().has_full()) return CountParameters(config);
  int64_t count = 0;
  const PeftConfig adapter = WantedAdapter(spec.method().lora());
  for (const auto& [name, shape] : ExpectedAdapterTensors(config, adapter)) {
    count += NumElements(shape);
  }
  return count;
}

// A result has the names of what it was made from; writing it there would
// destroy the base model or the adapter.
absl::Status CheckOutputIsElsewhere(const v1::JobSpec& spec) {
  const auto same = [&](const std::string& input) {
    std::error_code ignored;
    return !input.empty() && fs::equivalent(spec.output_dir(), input, ignored);
  };
  const auto refuse = [&](const char* field) {
    return absl::InvalidArgumentError(
        absl::StrCat("output_dir: ", spec.output_dir(), " is ", field,
                     " itself, which the result would overwrite; name another "
                     "folder"));
  };
  if (same(spec.model().path())) return refuse("model.path");
  if (same(spec.model().adapter())) return refuse("model.adapter");
  return absl::OkStatus();
}

// As Transformers does, which computes on; but hardly what was meant.
std::vector<std::string> WarningsOf(const v1::JobSpec& spec,
                                    const ModelConfig& config) {
  if (spec.data().max_length() <= config.max_position_embeddings) return {};
  return {absl::StrCat("data.max_length: ", spec.data().max_length(),
                       " is above max_position_embeddings of the model, ",
                       config.max_position_embeddings,
                       "; positions beyond it are new to the model")};
}

}  // namespace

absl::StatusOr<ModelInput> CheckModel(const v1::JobSpec& spec) {
  const std::string& path = spec.model().path();
  absl::StatusOr<ModelConfig> config = ReadModelConfig(path);
  if (!config.ok()) return InField("model.path", config.status());
  RETURN_IF_ERROR(InField("model.path", CheckWeights(path, *config)));
  RETURN_IF_ERROR(CheckAdapter(spec, *config));
  RETURN_IF_ERROR(CheckOutputIsElsewhere(spec));
  ModelInput input;
  input.parameters = CountParameters(*config);
  input.trainable_parameters = CountTrainable(spec, *config);
  input.warnings = WarningsOf(spec, *config);
  input.config = *std::move(config);
  return input;
}

}  // namespace lockstep
