#ifndef LOCKSTEP_TESTS_WORKER_MODEL_ADAPTED_LINEAR_H_
#define LOCKSTEP_TESTS_WORKER_MODEL_ADAPTED_LINEAR_H_

// The q, k and v projection of a block by itself, with adapters of rank 6
// inside a base in FP8, and what it should compute, in double.
//
// W, x and dy are whole numbers up to 14 times a power of two, and 14 is in
// every row and column of them: FP8 holds them exactly as long as no tail is
// larger than what it is behind. What is then missing is lost of the adapters.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "worker/memory/arena.h"
#include "worker/model/frozen_weights.h"
#include "worker/model/layout.h"
#include "worker/model/model_config.h"
#include "worker/model/placement.h"

namespace lockstep {

// On the CPU in double.
struct LinearResults {
  at::Tensor y_TN;
  at::Tensor dx_TK;
  std::vector<Adapter> gradients;
};

class AdaptedLinear {
 public:
  // A is uniform in +-`a`, B in +-`b`.
  AdaptedLinear(const Placement& placement, double a, double b);

  // Forward and backward, by Linear.
  LinearResults Run() const;
  // The same without an error, and the parts of y and dx that the adapters add.
  LinearResults Expected() const;
  LinearResults OfAdapters() const;

 private:
  LinearResults Compute(const at::Tensor& base_NK) const;

  const Placement placement_;
  const LoraOptions lora_;
  const ModelConfig config_;
  const BlockShape block_;
  std::unique_ptr<Arena> arena_;
  LinearWeights weights_;
  at::Tensor base_NK_;
  at::Tensor x_TK_;
  at::Tensor dy_TN_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_TESTS_WORKER_MODEL_ADAPTED_LINEAR_H_
