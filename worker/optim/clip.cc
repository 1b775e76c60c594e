#include "worker/optim/clip.h"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "kernels/global_norm.h"
#include "proto/contract/check.h"

namespace lockstep {

GlobalNorm::GlobalNorm(at::Tensor flat) : flat_(std::move(flat)) {
  LOCKSTEP_CHECK(flat_.is_contiguous());
  const auto options = flat_.options().dtype(at::kDouble);
  sum_ = at::empty({1}, options);
  if (flat_.is_cuda()) scratch_ = at::empty({kSquaredSumScratch}, options);
}

double GlobalNorm::Measure() const {
  const bool on_gpu = flat_.is_cuda();
  LOCKSTEP_CHECK(
      SquaredSum({.sum = sum_.data_ptr<double>(),
                  .values = flat_.data_ptr<float>(),
                  .size = flat_.numel(),
                  .device = on_gpu ? Device::kCuda : Device::kCpu,
                  .scratch = on_gpu ? scratch_.data_ptr<double>() : nullptr})
          .ok());
  return std::sqrt(sum_.item<double>());
}

double ClipFactor(double norm, double max_norm) {
  // What PyTorch adds to the norm.
  constexpr double kEpsilon = 1e-6;
  if (max_norm == 0 || norm + kEpsilon <= max_norm) return 1;
  return max_norm / (norm + kEpsilon);
}

}  // namespace lockstep
