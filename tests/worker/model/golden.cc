#include "tests/worker/model/golden.h"

#include <ATen/ATen.h>

#include <cstdlib>
#include <fstream>

#include "proto/contract/check.h"
#include "worker/io/hf_config.h"
#include "worker/io/peft_adapter.h"
#include "worker/io/weight_map.h"

namespace lockstep {
namespace {

// Ends the test program with the reason.
template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok())
    std::fprintf(stderr, "%s\n", value.status().ToString().c_str());
  LOCKSTEP_CHECK(value.ok());
  return *std::move(value);
}

}  // namespace

std::string TestDataPath(const std::string& path) {
  return std::string(std::getenv("LOCKSTEP_SOURCE_DIR")) + "/tests/testdata/" +
         path;
}

nlohmann::json ReadJson(const std::string& path) {
  return nlohmann::json::parse(std::ifstream(path));
}

Document ToDocument(const nlohmann::json& json) {
  return {.ids = json["input_ids"].get<std::vector<int32_t>>(),
          .trained = json["trained"].get<std::vector<int32_t>>()};
}

std::vector<Document> ToDocuments(const nlohmann::json& array) {
  std::vector<Document> documents;
  for (const nlohmann::json& json : array) {
    documents.push_back(ToDocument(json));
  }
  return documents;
}

std::unique_ptr<ModelWeights> OpenModel(const std::string& model_dir,
                                        const std::string& adapter_dir,
                                        bool full) {
  const ModelConfig config = Must(ReadModelConfig(model_dir));
  const WeightSource source = Must(WeightSource::Open(model_dir));
  const auto read = [&](const std::string& name,
                        const std::vector<int64_t>& shape, float* out) {
    return source.ReadFloat32(name, shape, out);
  };
  Method method;
  if (full) method.kind = Method::Kind::kFull;
  if (adapter_dir.empty()) {
    return Must(ModelWeights::Load(config, method, read));
  }
  const PeftAdapter adapter = Must(PeftAdapter::Open(adapter_dir, config));
  method.kind = Method::Kind::kLora;
  method.lora.r = adapter.config().r;
  method.lora.scale = adapter.config().scale();
  method.lora.target_modules = adapter.config().target_modules;
  auto weights = Must(ModelWeights::Load(config, method, read));
  LOCKSTEP_CHECK(
      weights
          ->LoadAdapters(
              [&](const std::string& name, const std::vector<int64_t>& shape,
                  float* out) { return adapter.ReadFloat32(name, shape, out); })
          .ok());
  return weights;
}

std::unique_ptr<ModelWeights> OpenGoldenModel(const nlohmann::json& golden) {
  const std::string adapter =
      golden["adapter"].is_null()
          ? ""
          : TestDataPath(golden["adapter"].get<std::string>());
  return OpenModel(TestDataPath(golden["model"].get<std::string>()), adapter,
                   golden.value("mode", "") == "full");
}

SafetensorsFile OpenTensors(const std::string& path) {
  return Must(SafetensorsFile::Open(path));
}

at::Tensor ReadTensor(const SafetensorsFile& file, const std::string& name) {
  const TensorInfo info = Must(file.Find(name));
  at::Tensor tensor = at::empty(info.shape, at::kFloat);
  LOCKSTEP_CHECK(file.ReadFloat32(info, tensor.data_ptr<float>()).ok());
  return tensor;
}

}  // namespace lockstep
