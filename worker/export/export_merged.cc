#include "worker/export/export_merged.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/contract/status_macros.h"
#include "worker/export/lora_merge.h"
#include "worker/io/checkpoint.h"
#include "worker/io/file.h"
#include "worker/io/hf_config.h"
#include "worker/io/model_folder.h"
#include "worker/io/peft_adapter.h"
#include "worker/io/sharded_writer.h"
#include "worker/io/weight_map.h"

namespace lockstep {
namespace {

// As safetensors spells it; empty for "source".
absl::StatusOr<std::string> StoredDtype(const std::string& dtype) {
  if (dtype == "source") return std::string();
  if (dtype == "float32") return std::string("F32");
  if (dtype == "bf16") return std::string("BF16");
  return absl::InvalidArgumentError(absl::StrCat(
      "dtype: \"", dtype, "\" is not one of bf16, float32, source"));
}

// Adds B A of the adapter to a weight that has one.
absl::Status MergeInto(const PeftAdapter& adapter, const TensorSpec& tensor,
                       std::vector<float>& weight) {
  absl::string_view module = tensor.name;
  absl::ConsumeSuffix(&module, ".weight");
  const int64_t out = tensor.shape[0];
  const int64_t in = tensor.shape[1];
  const int64_t r = adapter.config().r;
  std::vector<float> a(static_cast<size_t>(r * in));
  std::vector<float> b(static_cast<size_t>(out * r));
  RETURN_IF_ERROR(
      adapter.ReadFloat32(LoraTensorName(module, 'A'), {r, in}, a.data()));
  RETURN_IF_ERROR(
      adapter.ReadFloat32(LoraTensorName(module, 'B'), {out, r}, b.data()));
  MergeLora({.out = out, .in = in, .r = r, .scale = adapter.config().scale()},
            a.data(), b.data(), weight.data());
  return absl::OkStatus();
}

// What is written: weights of one folder, with an adapter or without.
struct Source {
  ModelConfig config;
  WeightSource base;
  WeightSource weights;
  std::optional<PeftAdapter> adapter;
};

absl::StatusOr<Source> OpenSource(const ExportOptions& options) {
  // A checkpoint is verified; the result of a job has no manifest.
  if (FileExists(JoinPath(options.checkpoint, kManifestFile))) {
    RETURN_IF_ERROR(Checkpoint::Open(options.checkpoint).status());
  }
  ASSIGN_OR_RETURN(ModelConfig config, ReadModelConfig(options.base));
  ASSIGN_OR_RETURN(WeightSource base, WeightSource::Open(options.base));
  RETURN_IF_ERROR(CheckWeights(base, config));
  const bool is_adapter =
      FileExists(JoinPath(options.checkpoint, kAdapterConfigFile));
  ASSIGN_OR_RETURN(
      WeightSource weights,
      WeightSource::Open(is_adapter ? options.base : options.checkpoint));
  RETURN_IF_ERROR(CheckWeights(weights, config));
  Source source{std::move(config), std::move(base), std::move(weights),
                std::nullopt};
  if (is_adapter) {
    ASSIGN_OR_RETURN(source.adapter,
                     PeftAdapter::Open(options.checkpoint, source.config));
  }
  return source;
}

absl::Status WriteWeights(const Source& source, const std::string& dtype,
                          const std::string& dir) {
  ASSIGN_OR_RETURN(const std::vector<TensorSpec> specs,
                   StoredTensors(source.config, source.base, dtype));
  std::map<std::string, std::vector<int64_t>> adapted;
  if (source.adapter.has_value()) {
    adapted = ExpectedAdapterTensors(source.config, source.adapter->config());
  }
  ShardedWriter writer(dir, "model", specs, kMaxShardBytes);
  std::vector<float> weight;
  for (const TensorSpec& tensor : specs) {
    weight.resize(static_cast<size_t>(NumElements(tensor.shape)));
    RETURN_IF_ERROR(
        source.weights.ReadFloat32(tensor.name, tensor.shape, weight.data()));
    const absl::string_view module = absl::StripSuffix(tensor.name, ".weight");
    if (adapted.count(LoraTensorName(module, 'A')) != 0) {
      RETURN_IF_ERROR(MergeInto(*source.adapter, tensor, weight));
    }
    RETURN_IF_ERROR(writer.Append(weight.data()));
  }
  return writer.Finish().status();
}

}  // namespace

absl::Status ExportMerged(const ExportOptions& options) {
  ASSIGN_OR_RETURN(const std::string dtype, StoredDtype(options.dtype));
  ASSIGN_OR_RETURN(const Source source, OpenSource(options));
  return WriteFolder(options.output, [&](const std::string& dir) {
    RETURN_IF_ERROR(WriteWeights(source, dtype, dir));
    RETURN_IF_ERROR(CopyModelConfig(options.base, dir, dtype));
    RETURN_IF_ERROR(CopyTokenizerFiles(options.base, dir));
    return WriteChatTemplate(options.chat_template, dir);
  });
}

}  // namespace lockstep
