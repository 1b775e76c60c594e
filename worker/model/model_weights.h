#ifndef LOCKSTEP_WORKER_MODEL_MODEL_WEIGHTS_H_
#define LOCKSTEP_WORKER_MODEL_MODEL_WEIGHTS_H_

// All weights of one rank's model and, if it is trained, its Parameters. Full
// fine-tuning: every weight is a view of the flat buffer. LoRA: the base is
// frozen in an arena of its own, the adapters are Parameters, and where they
// are concatenated the base's matrices hold derived copies of them. Where the
// model does not compute in float32, the Parameters are the masters of copies
// in its type. AfterUpdate renews what is derived.
//
// Used by the trainer's thread.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/memory/arena.h"
#include "worker/model/layout.h"
#include "worker/model/method.h"
#include "worker/model/model_config.h"
#include "worker/model/parameters.h"
#include "worker/model/placement.h"
#include "worker/model/weights.h"

namespace lockstep {

// Fills `out` from the tensor of that name in the model's files, which must
// have its shape; `out` is on any device and of any floating type.
using TensorPlacer =
    std::function<absl::Status(const std::string& name, const at::Tensor& out)>;

// Reads such a tensor as float32 into host memory.
using TensorReader = std::function<absl::Status(
    const std::string& name, const std::vector<int64_t>& shape, float* out)>;

class ModelWeights : public BlockWeightProvider, public BlockGradientSink {
 public:
  // Has `place` fill all of the model's weights. New adapters get PEFT's start:
  // A uniform in +-1/sqrt(in), B zero. Errors are CheckBuildable's
  // (buildable.h), and those of `place`.
  static absl::StatusOr<std::unique_ptr<ModelWeights>> Load(
      const ModelConfig& config, const Method& method,
      const TensorPlacer& place, const Placement& placement = {});
  // The same by way of host memory.
  static absl::StatusOr<std::unique_ptr<ModelWeights>> Load(
      const ModelConfig& config, const Method& method, const TensorReader& read,
      const Placement& placement = {});

  // Replaces the adapters by those that `read` finds under PEFT's names.
  absl::Status LoadAdapters(const TensorReader& read);

  const ModelConfig& config() const { return config_; }
  const Method& method() const { return method_; }
  const Placement& placement() const { return placement_; }
  const BlockShape& block_shape() const { return block_shape_; }
  // Null unless adapters are trained.
  const LoraOptions* lora() const { return method_.adapters(); }
  // Null when the model is frozen.
  Parameters* parameters() { return parameters_.get(); }

  // Renews what is derived from the parameters; to be called after they change
  // in any way.
  absl::Status AfterUpdate();

  const at::Tensor& embedding() const { return embedding_; }
  const at::Tensor& final_norm() const { return final_norm_; }
  // [vocabulary, hidden]; the embedding itself when they are tied.
  const at::Tensor& head() const { return head_; }
  // Undefined unless all weights are trained. Tied: one and the same buffer.
  at::Tensor& embedding_gradient() { return embedding_gradient_; }
  at::Tensor& final_norm_gradient() { return final_norm_gradient_; }
  at::Tensor& head_gradient() { return head_gradient_; }

  // BlockWeightProvider and BlockGradientSink: all is always in memory.
  const BlockWeights& Weights(int64_t block) override { return blocks_[block]; }
  void Release(int64_t) override {}
  BlockGradients& Gradients(int64_t block) override {
    return gradients_[block];
  }

  // Bytes of what is not trained.
  int64_t frozen_bytes() const {
    return frozen_ == nullptr ? 0 : frozen_->peak_bytes();
  }

 private:
  ModelWeights(const ModelConfig& config, const Method& method,
               const Placement& placement);

  absl::Status PlaceParameters(const TensorPlacer& place);
  absl::Status ReadParameters(const TensorReader& read);
  void MakeParameters(std::vector<Parameter> list);
  void CarveBase();
  absl::Status LoadBase(const TensorPlacer& place);
  absl::Status LoadFrozenLinear(int64_t layer, const LinearShape& shape,
                                const TensorPlacer& place,
                                LinearWeights& weights);
  // One parameter of computed_.
  at::Tensor Computed(const std::string& name) const;
  void BindFull();
  void BindFullLinear(int64_t layer, const LinearShape& shape,
                      LinearWeights& weights, LinearGradients& gradients);
  void BindAdapters();
  void BindLinearAdapters(int64_t layer, const LinearShape& shape,
                          LinearWeights& weights, LinearGradients& gradients);
  void InitializeAdapters();

  const ModelConfig config_;
  const Method method_;
  const Placement placement_;
  const BlockShape block_shape_;
  std::unique_ptr<Parameters> parameters_;
  // The parameters' values in the type that the model computes in: themselves,
  // or a flat copy.
  at::Tensor computed_;
  std::unique_ptr<Arena> frozen_;
  at::Tensor embedding_;
  at::Tensor final_norm_;
  at::Tensor head_;
  at::Tensor embedding_gradient_;
  at::Tensor final_norm_gradient_;
  at::Tensor head_gradient_;
  std::vector<BlockWeights> blocks_;
  std::vector<BlockGradients> gradients_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_MODEL_WEIGHTS_H_
