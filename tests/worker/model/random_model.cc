#include "tests/worker/model/random_model.h"

#include <ATen/ATen.h>

#include "absl/strings/match.h"
#include "proto/contract/check.h"
#include "worker/model/random.h"

namespace lockstep {
namespace {

// FNV-1a: the same on every machine, unlike std::hash.
uint64_t Hash(const std::string& name) {
  uint64_t hash = 14695981039346656037u;
  for (unsigned char byte : name) hash = (hash ^ byte) * 1099511628211u;
  return hash;
}

}  // namespace

Batch::Batch(const std::vector<Document>& documents) {
  cu_seqlens_.push_back(0);
  for (const Document& document : documents) {
    const size_t length = document.ids.size();
    for (size_t i = 0; i < length; ++i) {
      ids_.push_back(document.ids[i]);
      positions_.push_back(static_cast<int32_t>(i));
      const bool learned = i + 1 < length && document.trained[i + 1] != 0;
      labels_.push_back(learned ? document.ids[i + 1] : -1);
    }
    cu_seqlens_.push_back(static_cast<int32_t>(ids_.size()));
  }
}

TokenBatch Batch::view() const {
  return {.ids = ids_,
          .labels = labels_,
          .positions = positions_,
          .cu_seqlens = cu_seqlens_};
}

std::vector<Document> RandomDocuments(const std::vector<int64_t>& lengths,
                                      int64_t vocabulary) {
  std::vector<Document> documents;
  uint64_t position = 0;
  for (int64_t length : lengths) {
    Document document;
    for (int64_t i = 0; i < length; ++i) {
      document.ids.push_back(
          static_cast<int32_t>(Mix(7, ++position) % vocabulary));
      document.trained.push_back(i % 3 == 2 ? 0 : 1);
    }
    documents.push_back(document);
  }
  return documents;
}

std::vector<Document> TrainedDocuments(const std::vector<int64_t>& lengths,
                                       int64_t vocabulary) {
  std::vector<Document> documents = RandomDocuments(lengths, vocabulary);
  for (Document& document : documents) {
    document.trained.assign(document.ids.size(), 1);
  }
  return documents;
}

ModelConfig OddConfig(ModelConfig::Family family) {
  ModelConfig config;
  config.family = family;
  config.vocab_size = 37;
  config.hidden_size = 20;
  config.intermediate_size = 27;
  config.num_layers = 2;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 6;
  if (family == ModelConfig::Family::kQwen2) {
    config.model_type = "qwen2";
    config.tie_word_embeddings = true;
    config.qkv_bias = true;
  }
  return config;
}

TensorReader RandomReader(double scale) {
  return [scale](const std::string& name, const std::vector<int64_t>& shape,
                 float* out) {
    at::Tensor tensor = at::empty(shape, at::kFloat);
    const double middle = absl::StrContains(name, "norm") ? 1 : 0;
    FillUniform(Hash(name), middle - scale, middle + scale, tensor);
    const float* values = tensor.data_ptr<float>();
    std::copy(values, values + tensor.numel(), out);
    return absl::OkStatus();
  };
}

std::unique_ptr<ModelWeights> RandomModel(const ModelConfig& config,
                                          const Method& method) {
  auto weights = ModelWeights::Load(config, method, RandomReader());
  LOCKSTEP_CHECK(weights.ok());
  if (method.kind == Method::Kind::kLora) {
    LOCKSTEP_CHECK((*weights)->LoadAdapters(RandomReader()).ok());
  }
  return *std::move(weights);
}

Method FullMethod() {
  Method method;
  method.kind = Method::Kind::kFull;
  return method;
}

Method LoraMethod(int64_t r, double dropout) {
  Method method;
  method.kind = Method::Kind::kLora;
  method.lora.r = r;
  method.lora.scale = 1.5;
  method.lora.dropout = dropout;
  method.lora.target_modules = *ResolveTargets({"all-linear"});
  return method;
}

std::unique_ptr<Transformer> MakeTransformer(ModelWeights& weights,
                                             int64_t max_tokens) {
  auto transformer = Transformer::Create(
      weights, {.max_tokens = max_tokens, .max_document = max_tokens});
  LOCKSTEP_CHECK(transformer.ok());
  return *std::move(transformer);
}

double RelativeError(const at::Tensor& value, const at::Tensor& reference) {
  const at::Tensor exact = reference.to(at::kDouble);
  const double norm = exact.norm().item<double>();
  const double error = (value.to(at::kDouble) - exact).norm().item<double>();
  return norm == 0 ? error : error / norm;
}

}  // namespace lockstep
