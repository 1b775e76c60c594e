#ifndef LOCKSTEP_WORKER_IO_WEIGHT_MAP_H_
#define LOCKSTEP_WORKER_IO_WEIGHT_MAP_H_

// The weights of a model folder by name, whether they lie in one
// model.safetensors or in shards with an index, and what config.json says they
// must be.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/io/safetensors.h"
#include "worker/model/model_config.h"

namespace lockstep {

struct ExpectedTensor {
  std::string name;
  std::vector<int64_t> shape;
};

// Every tensor of the model, in the order of the layers. Tied models have no
// lm_head.weight.
std::vector<ExpectedTensor> ExpectedTensors(const ModelConfig& config);

// Numbers in all of them.
int64_t CountParameters(const ModelConfig& config);

// Open files of one model. Immutable after Open: several threads may read.
class WeightSource {
 public:
  // NOT_FOUND: neither file nor index. INVALID_ARGUMENT: a bad index or file.
  static absl::StatusOr<WeightSource> Open(const std::string& model_dir);

  // NOT_FOUND names tensor and folder.
  absl::StatusOr<TensorInfo> Find(const std::string& name) const;
  // INVALID_ARGUMENT: another shape, or a dtype that is not F32, BF16, F16.
  absl::Status ReadFloat32(const std::string& name,
                           const std::vector<int64_t>& expected_shape,
                           float* out) const;

  // The file that holds a tensor. NOT_FOUND names tensor and folder.
  absl::StatusOr<const SafetensorsFile*> FileOf(const std::string& name) const;

  // Paths of the files, for digests.
  std::vector<std::string> files() const;

 private:
  explicit WeightSource(std::string dir) : dir_(std::move(dir)) {}
  absl::Status OpenIndex(const std::string& index_path);

  std::string dir_;
  std::vector<SafetensorsFile> files_;
  absl::flat_hash_map<std::string, size_t> file_of_;
};

// Whether the headers agree with config.json: an error names the tensor, the
// shape found and the shape that config.json asks for. Reads no weights.
absl::Status CheckWeights(const WeightSource& weights,
                          const ModelConfig& config);
absl::Status CheckWeights(const std::string& model_dir,
                          const ModelConfig& config);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_WEIGHT_MAP_H_
