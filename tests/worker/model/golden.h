#ifndef LOCKSTEP_TESTS_WORKER_MODEL_GOLDEN_H_
#define LOCKSTEP_TESTS_WORKER_MODEL_GOLDEN_H_

// The models and goldens of tests/testdata (its README.md says what they hold).

#include <ATen/core/Tensor.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/worker/model/random_model.h"
#include "worker/io/safetensors.h"
#include "worker/model/model_weights.h"

namespace lockstep {

// tests/testdata/PATH.
std::string TestDataPath(const std::string& path);

nlohmann::json ReadJson(const std::string& path);

// {"input_ids", "trained"}.
Document ToDocument(const nlohmann::json& json);
std::vector<Document> ToDocuments(const nlohmann::json& array);

// A model folder. Without an adapter it is frozen, or trained if `full`.
std::unique_ptr<ModelWeights> OpenModel(const std::string& model_dir,
                                        const std::string& adapter_dir = "",
                                        bool full = false);
// The model, adapter and mode that a golden names.
std::unique_ptr<ModelWeights> OpenGoldenModel(const nlohmann::json& golden);

SafetensorsFile OpenTensors(const std::string& path);
at::Tensor ReadTensor(const SafetensorsFile& file, const std::string& name);

}  // namespace lockstep

#endif  // LOCKSTEP_TESTS_WORKER_MODEL_GOLDEN_H_
