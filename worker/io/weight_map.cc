#include "worker/io/weight_map.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/float_conversion.h"

namespace lockstep {
namespace {

using Json = nlohmann::json;

constexpr char kSingleFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";
constexpr int64_t kMaxIndexBytes = 16 << 20;

void AddLayer(const ModelConfig& config, int64_t layer,
              std::vector<ExpectedTensor>& list) {
  const std::string prefix = absl::StrCat("model.layers.", layer, ".");
  const int64_t hidden = config.hidden_size;
  const int64_t query = config.num_heads * config.head_dim;
  const int64_t key_value = config.num_kv_heads * config.head_dim;
  const int64_t inner = config.intermediate_size;
  const auto add = [&](const char* name, std::vector<int64_t> shape) {
    list.push_back({prefix + name, std::move(shape)});
  };
  add("input_layernorm.weight", {hidden});
  add("self_attn.q_proj.weight", {query, hidden});
  add("self_attn.k_proj.weight", {key_value, hidden});
  add("self_attn.v_proj.weight", {key_value, hidden});
  if (config.qkv_bias) {
    add("self_attn.q_proj.bias", {query});
    add("self_attn.k_proj.bias", {key_value});
    add("self_attn.v_proj.bias", {key_value});
  }
  add("self_attn.o_proj.weight", {hidden, query});
  add("post_attention_layernorm.weight", {hidden});
  add("mlp.gate_proj.weight", {inner, hidden});
  add("mlp.up_proj.weight", {inner, hidden});
  add("mlp.down_proj.weight", {hidden, inner});
}

// Whoever loads a pickle runs what is in it, so none is opened, not even to see
// whether it is one.
bool IsPickleByName(absl::string_view name) {
  for (const char* ending : {".bin", ".pt", ".pth", ".ckpt", ".pkl"}) {
    if (absl::EndsWith(name, ending)) return true;
  }
  return false;
}

absl::Status NoWeights(const std::string& model_dir) {
  std::string message = absl::StrCat(model_dir, ": holds neither ", kSingleFile,
                                     " nor ", kIndexFile);
  const auto files = ListFiles(model_dir);
  for (const std::string& name :
       files.ok() ? *files : std::vector<std::string>()) {
    if (!IsPickleByName(name)) continue;
    return absl::NotFoundError(absl::StrCat(
        message, ", but ", name,
        ", a pickle, which may run programs and is never opened; convert it "
        "to safetensors first"));
  }
  return absl::NotFoundError(message);
}

}  // namespace

std::vector<ExpectedTensor> ExpectedTensors(const ModelConfig& config) {
  std::vector<ExpectedTensor> list;
  list.push_back(
      {"model.embed_tokens.weight", {config.vocab_size, config.hidden_size}});
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    AddLayer(config, layer, list);
  }
  list.push_back({"model.norm.weight", {config.hidden_size}});
  if (!config.tie_word_embeddings) {
    list.push_back({"lm_head.weight", {config.vocab_size, config.hidden_size}});
  }
  return list;
}

int64_t CountParameters(const ModelConfig& config) {
  int64_t count = 0;
  for (const ExpectedTensor& tensor : ExpectedTensors(config)) {
    count += NumElements(tensor.shape);
  }
  return count;
}

absl::StatusOr<WeightSource> WeightSource::Open(const std::string& model_dir) {
  WeightSource source(model_dir);
  const std::string single = JoinPath(model_dir, kSingleFile);
  const std::string index = JoinPath(model_dir, kIndexFile);
  if (FileExists(single)) {
    ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(single));
    for (const TensorInfo& tensor : file.tensors()) {
      source.file_of_[tensor.name] = 0;
    }
    source.files_.push_back(std::move(file));
    return source;
  }
  if (!FileExists(index)) {
    return NoWeights(model_dir);
  }
  RETURN_IF_ERROR(source.OpenIndex(index));
  return source;
}

absl::Status WeightSource::OpenIndex(const std::string& index_path) {
  ASSIGN_OR_RETURN(const std::string text,
                   ReadWholeFile(index_path, kMaxIndexBytes));
  const Json index = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!index.is_object() || !index.contains("weight_map") ||
      !index["weight_map"].is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(index_path, ": has no object \"weight_map\""));
  }
  absl::flat_hash_map<std::string, size_t> opened;
  for (const auto& [name, value] : index["weight_map"].items()) {
    const std::string shard =
        value.is_string() ? value.get<std::string>() : std::string();
    if (shard.empty() || absl::StrContains(shard, '/')) {
      return absl::InvalidArgumentError(
          absl::StrCat(index_path, ": weight_map.", name, ": ", value.dump(),
                       " is not the name of a file beside the index"));
    }
    auto [it, fresh] = opened.emplace(shard, files_.size());
    if (fresh) {
      ASSIGN_OR_RETURN(SafetensorsFile file,
                       SafetensorsFile::Open(JoinPath(dir_, shard)));
      files_.push_back(std::move(file));
    }
    file_of_[name] = it->second;
  }
  return absl::OkStatus();
}

absl::StatusOr<const SafetensorsFile*> WeightSource::FileOf(
    const std::string& name) const {
  const auto it = file_of_.find(name);
  if (it == file_of_.end()) {
    return absl::NotFoundError(absl::StrCat(dir_, ": has no tensor ", name));
  }
  return &files_[it->second];
}

absl::StatusOr<TensorInfo> WeightSource::Find(const std::string& name) const {
  ASSIGN_OR_RETURN(const SafetensorsFile* file, FileOf(name));
  return file->Find(name);
}

absl::Status WeightSource::ReadFloat32(
    const std::string& name, const std::vector<int64_t>& expected_shape,
    float* out) const {
  ASSIGN_OR_RETURN(const SafetensorsFile* file, FileOf(name));
  return file->ReadFloat32(name, expected_shape, out);
}

std::vector<std::string> WeightSource::files() const {
  std::vector<std::string> paths;
  for (const SafetensorsFile& file : files_) paths.push_back(file.path());
  return paths;
}

absl::Status CheckWeights(const WeightSource& weights,
                          const ModelConfig& config) {
  for (const ExpectedTensor& expected : ExpectedTensors(config)) {
    const absl::StatusOr<TensorInfo> found = weights.Find(expected.name);
    if (!found.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          found.status().message(), "; config.json asks for it with shape ",
          ShapeToString(expected.shape)));
    }
    if (found->shape != expected.shape) {
      return absl::InvalidArgumentError(absl::StrCat(
          weights.files().front(), ": tensor ", expected.name, " has shape ",
          ShapeToString(found->shape), "; config.json asks for ",
          ShapeToString(expected.shape)));
    }
    if (!FloatDtypeBytes(found->dtype).ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(weights.files().front(), ": tensor ", expected.name,
                       ": ", FloatDtypeBytes(found->dtype).status().message()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckWeights(const std::string& model_dir,
                          const ModelConfig& config) {
  ASSIGN_OR_RETURN(const WeightSource weights, WeightSource::Open(model_dir));
  return CheckWeights(weights, config);
}

}  // namespace lockstep
