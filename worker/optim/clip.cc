#include "worker/optim/clip.h"

#include <ATen/ATen.h>

#include <cmath>

#include "kernels/global_norm.h"
#include "proto/contract/check.h"

namespace lockstep {

double GlobalNorm(const at::Tensor& flat) {
  LOCKSTEP_CHECK(flat.is_contiguous());
  double sum = 0;
  LOCKSTEP_CHECK(
      SquaredSum(
          {.sum = &sum, .values = flat.data_ptr<float>(), .size = flat.numel()})
          .ok());
  return std::sqrt(sum);
}

double ClipFactor(double norm, double max_norm) {
  // What PyTorch adds to the norm.
  constexpr double kEpsilon = 1e-6;
  if (max_norm == 0 || norm + kEpsilon <= max_norm) return 1;
  return max_norm / (norm + kEpsilon);
}

}  // namespace lockstep
