#include "worker/io/peft_adapter.h"

#include <algorithm>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/strings/substitute.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/float_conversion.h"
#include "worker/io/sharded_writer.h"
#include "worker/io/weight_map.h"

namespace lockstep {
namespace {

constexpr char kReadme[] = R"(---
base_model: $0
library_name: peft
pipeline_tag: text-generation
tags:
- lora
---

# LoRA adapter

Low-rank adapters (r $1, alpha $2$3) for $4, trained with Lockstep.

```python
from peft import AutoPeftModelForCausalLM

model = AutoPeftModelForCausalLM.from_pretrained("path/of/this/folder")
```
)";

absl::Status Misfit(const std::string& path, const std::string& name,
                    absl::string_view found, absl::string_view wanted) {
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": tensor ", name, ": ", found, "; ", kAdapterConfigFile,
      " and the model's config.json ask for ", wanted));
}

absl::Status CheckTensors(
    const SafetensorsFile& file,
    const std::map<std::string, std::vector<int64_t>>& expected) {
  for (const TensorInfo& tensor : file.tensors()) {
    const auto it = expected.find(tensor.name);
    if (it == expected.end()) {
      return Misfit(file.path(), tensor.name,
                    "has shape " + ShapeToString(tensor.shape), "none");
    }
    if (tensor.shape != it->second) {
      return Misfit(file.path(), tensor.name,
                    "has shape " + ShapeToString(tensor.shape),
                    ShapeToString(it->second));
    }
    const absl::Status dtype = FloatDtypeBytes(tensor.dtype).status();
    if (!dtype.ok()) {
      return Misfit(file.path(), tensor.name, dtype.message(), "floats");
    }
  }
  for (const auto& [name, shape] : expected) {
    if (!file.Find(name).ok()) {
      return Misfit(file.path(), name, "is missing", ShapeToString(shape));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string LoraTensorName(absl::string_view module, char a_or_b) {
  return absl::StrCat("base_model.model.", module, ".lora_",
                      absl::string_view(&a_or_b, 1), ".weight");
}

std::map<std::string, std::vector<int64_t>> ExpectedAdapterTensors(
    const ModelConfig& model, const PeftConfig& config) {
  std::map<std::string, std::vector<int64_t>> expected;
  for (const ExpectedTensor& tensor : ExpectedTensors(model)) {
    absl::string_view module = tensor.name;
    if (!absl::ConsumeSuffix(&module, ".weight")) continue;
    const bool is_target =
        std::any_of(config.target_modules.begin(), config.target_modules.end(),
                    [module](const std::string& target) {
                      return absl::EndsWith(module, absl::StrCat(".", target));
                    });
    if (!is_target) continue;
    expected[LoraTensorName(module, 'A')] = {config.r, tensor.shape[1]};
    expected[LoraTensorName(module, 'B')] = {tensor.shape[0], config.r};
  }
  return expected;
}

absl::StatusOr<PeftAdapter> PeftAdapter::Open(const std::string& dir,
                                              const ModelConfig& model) {
  ASSIGN_OR_RETURN(PeftConfig config, ReadPeftConfig(dir));
  ASSIGN_OR_RETURN(SafetensorsFile file,
                   SafetensorsFile::Open(JoinPath(dir, kAdapterWeightsFile)));
  RETURN_IF_ERROR(CheckTensors(file, ExpectedAdapterTensors(model, config)));
  return PeftAdapter(std::move(config), std::move(file));
}

absl::Status PeftAdapter::ReadFloat32(const std::string& name,
                                      const std::vector<int64_t>& shape,
                                      float* out) const {
  return file_.ReadFloat32(name, shape, out);
}

absl::Status WritePeftAdapter(const std::string& dir, const PeftConfig& config,
                              const std::vector<NamedTensor>& tensors) {
  std::vector<TensorSpec> specs;
  specs.reserve(tensors.size());
  for (const NamedTensor& tensor : tensors) {
    specs.push_back({tensor.name, "F32", tensor.shape});
  }
  // PEFT reads one file only.
  ShardedWriter writer(
      dir, std::string(absl::StripSuffix(kAdapterWeightsFile, ".safetensors")),
      std::move(specs), std::numeric_limits<int64_t>::max());
  for (const NamedTensor& tensor : tensors) {
    RETURN_IF_ERROR(writer.Append(tensor.data));
  }
  RETURN_IF_ERROR(writer.Finish().status());
  RETURN_IF_ERROR(WriteWholeFile(JoinPath(dir, kAdapterConfigFile),
                                 PeftConfigToJson(config), /*sync=*/true));
  return WriteWholeFile(JoinPath(dir, "README.md"), AdapterReadme(config),
                        /*sync=*/true);
}

std::string AdapterReadme(const PeftConfig& config) {
  // Quoted, for a path may hold what YAML gives a meaning.
  const std::string base =
      nlohmann::json(config.base_model_name_or_path)
          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return absl::Substitute(kReadme, base, config.r, config.lora_alpha,
                          config.use_rslora ? ", rank-stabilised" : "",
                          absl::StrJoin(config.target_modules, ", "));
}

}  // namespace lockstep
