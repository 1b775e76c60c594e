#include "worker/io/model_folder.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/hf_config.h"

namespace lockstep {
namespace {

constexpr char kChatTemplateFile[] = "chat_template.jinja";

// What belongs to a model but weights and config; which of them exist depends
// on the family and on who wrote it.
constexpr const char* kPassedThrough[] = {"tokenizer.json",
                                          "tokenizer_config.json",
                                          "special_tokens_map.json",
                                          "added_tokens.json",
                                          "vocab.json",
                                          "merges.txt",
                                          "tokenizer.model",
                                          kChatTemplateFile,
                                          "chat_template.json",
                                          "generation_config.json"};

// As config.json spells a dtype.
std::string TorchName(const std::string& dtype) {
  if (dtype == "BF16") return "bfloat16";
  return dtype == "F16" ? "float16" : "float32";
}

}  // namespace

absl::StatusOr<std::vector<TensorSpec>> StoredTensors(
    const ModelConfig& config, const WeightSource& source,
    const std::string& dtype) {
  std::vector<TensorSpec> specs;
  for (ExpectedTensor& tensor : ExpectedTensors(config)) {
    std::string stored = dtype;
    if (stored.empty()) {
      ASSIGN_OR_RETURN(const TensorInfo info, source.Find(tensor.name));
      stored = info.dtype;
    }
    specs.push_back(
        {std::move(tensor.name), std::move(stored), std::move(tensor.shape)});
  }
  return specs;
}

absl::Status WriteModelFolder(const std::string& dir,
                              const ModelFolderOptions& options,
                              const std::vector<NamedTensor>& tensors) {
  ASSIGN_OR_RETURN(const ModelConfig config,
                   ReadModelConfig(options.source_dir));
  ASSIGN_OR_RETURN(const WeightSource source,
                   WeightSource::Open(options.source_dir));
  RETURN_IF_ERROR(CheckWeights(source, config));
  ASSIGN_OR_RETURN(const std::vector<TensorSpec> specs,
                   StoredTensors(config, source, options.dtype));
  absl::flat_hash_map<std::string, const NamedTensor*> by_name;
  for (const NamedTensor& tensor : tensors) by_name[tensor.name] = &tensor;
  if (by_name.size() != specs.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.source_dir, ": config.json asks for ",
                     specs.size(), " tensors; given are ", by_name.size()));
  }
  ShardedWriter writer(dir, "model", specs, options.max_shard_bytes);
  for (const TensorSpec& spec : specs) {
    const auto it = by_name.find(spec.name);
    if (it == by_name.end() || it->second->shape != spec.shape) {
      return absl::InvalidArgumentError(absl::StrCat(
          options.source_dir, ": config.json asks for tensor ", spec.name,
          " of shape ", ShapeToString(spec.shape), "; given is ",
          it == by_name.end() ? "none" : ShapeToString(it->second->shape)));
    }
    RETURN_IF_ERROR(writer.Append(it->second->data));
  }
  RETURN_IF_ERROR(writer.Finish().status());
  RETURN_IF_ERROR(CopyModelConfig(options.source_dir, dir, options.dtype));
  return CopyTokenizerFiles(options.source_dir, dir);
}

absl::Status CopyModelConfig(const std::string& from_dir,
                             const std::string& to_dir,
                             const std::string& dtype) {
  const std::string from = JoinPath(from_dir, "config.json");
  const std::string to = JoinPath(to_dir, "config.json");
  if (dtype.empty()) return CopyWholeFile(from, to);
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(from));
  // Ordered: only what changed changes.
  nlohmann::ordered_json config =
      nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(from, ": is not a JSON object"));
  }
  const char* key = config.contains("torch_dtype") ? "torch_dtype" : "dtype";
  if (config.contains(key) && config[key] == TorchName(dtype)) {
    return CopyWholeFile(from, to);
  }
  config[key] = TorchName(dtype);
  return WriteWholeFile(to, config.dump(2) + "\n", /*sync=*/true);
}

std::vector<std::string> PassedThroughFiles(const std::string& dir) {
  std::vector<std::string> names;
  for (const char* name : kPassedThrough) {
    if (FileExists(JoinPath(dir, name))) names.emplace_back(name);
  }
  return names;
}

absl::Status CopyTokenizerFiles(const std::string& from_dir,
                                const std::string& to_dir) {
  for (const std::string& name : PassedThroughFiles(from_dir)) {
    RETURN_IF_ERROR(
        CopyWholeFile(JoinPath(from_dir, name), JoinPath(to_dir, name)));
  }
  return absl::OkStatus();
}

absl::Status WriteChatTemplate(const std::optional<std::string>& source,
                               const std::string& dir) {
  if (!source.has_value()) return absl::OkStatus();
  return WriteWholeFile(JoinPath(dir, kChatTemplateFile), *source,
                        /*sync=*/true);
}

}  // namespace lockstep
