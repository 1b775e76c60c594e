#ifndef LOCKSTEP_WORKER_IO_PEFT_ADAPTER_H_
#define LOCKSTEP_WORKER_IO_PEFT_ADAPTER_H_

// Adapter folders as PEFT reads and writes them: adapter_config.json,
// adapter_model.safetensors, README.md. What an adapter's config asks for and
// we do not build is refused by name; keys that we do not know are ignored, as
// PEFT does.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/io/named_tensor.h"
#include "worker/io/safetensors.h"
#include "worker/model/model_config.h"

namespace lockstep {

inline constexpr char kAdapterConfigFile[] = "adapter_config.json";
inline constexpr char kAdapterWeightsFile[] = "adapter_model.safetensors";

struct PeftConfig {
  std::string base_model_name_or_path;
  // Commit of the hub that the base is of; empty when it is not.
  std::string revision;
  int64_t r = 8;
  double lora_alpha = 8;
  double lora_dropout = 0;
  bool use_rslora = false;
  // Sorted suffixes of module names: "q_proj".
  std::vector<std::string> target_modules;

  // alpha / r, or alpha / sqrt(r) with rsLoRA.
  double scale() const;
};

// All keys that PEFT writes, sorted, two spaces of indentation.
std::string PeftConfigToJson(const PeftConfig& config);
// INVALID_ARGUMENT names `path`, the key, its value and what is allowed.
absl::StatusOr<PeftConfig> ParsePeftConfig(absl::string_view json,
                                           const std::string& path);
// NOT_FOUND: no adapter_config.json in `dir`.
absl::StatusOr<PeftConfig> ReadPeftConfig(const std::string& dir);

// The tensors that such an adapter of such a model has, by name.
std::map<std::string, std::vector<int64_t>> ExpectedAdapterTensors(
    const ModelConfig& model, const PeftConfig& config);

// "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" from
// "model.layers.0.self_attn.q_proj".
std::string LoraTensorName(absl::string_view module, char a_or_b);

// An adapter on disk. Immutable; several threads may read.
class PeftAdapter {
 public:
  // Reads the config and checks that the file holds exactly the tensors that
  // it and `model` ask for. NOT_FOUND: a file is missing. INVALID_ARGUMENT: a
  // refused key; a tensor that is missing, unexpected or of another shape.
  static absl::StatusOr<PeftAdapter> Open(const std::string& dir,
                                          const ModelConfig& model);

  const PeftConfig& config() const { return config_; }
  // Fits the model's TensorReader.
  absl::Status ReadFloat32(const std::string& name,
                           const std::vector<int64_t>& shape, float* out) const;

 private:
  PeftAdapter(PeftConfig config, SafetensorsFile file)
      : config_(std::move(config)), file_(std::move(file)) {}

  PeftConfig config_;
  SafetensorsFile file_;
};

// Writes the three files into `dir`, which exists; synced. Not atomic by
// itself: see WriteFolder in worker/io/file.h.
absl::Status WritePeftAdapter(const std::string& dir, const PeftConfig& config,
                              const std::vector<NamedTensor>& tensors);

// README.md: the model card with what PEFT's has.
std::string AdapterReadme(const PeftConfig& config);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_PEFT_ADAPTER_H_
