#include "worker/optim/clip.h"

#include <ATen/ATen.h>

#include <cmath>

#include "kernels/global_norm.h"
#include "proto/contract/check.h"

namespace lockstep {

double GlobalNorm(const at::Tensor& flat) {
  LOCKSTEP_CHECK(flat.is_contiguous());
  const bool on_gpu = flat.is_cuda();
  const auto options = flat.options().dtype(at::kDouble);
  const at::Tensor sum = at::empty({1}, options);
  const at::Tensor scratch =
      at::empty({on_gpu ? kSquaredSumScratch : 0}, options);
  LOCKSTEP_CHECK(
      SquaredSum({.sum = sum.data_ptr<double>(),
                  .values = flat.data_ptr<float>(),
                  .size = flat.numel(),
                  .device = on_gpu ? Device::kCuda : Device::kCpu,
                  .scratch = on_gpu ? scratch.data_ptr<double>() : nullptr})
          .ok());
  return std::sqrt(sum.item<double>());
}

double ClipFactor(double norm, double max_norm) {
  // What PyTorch adds to the norm.
  constexpr double kEpsilon = 1e-6;
  if (max_norm == 0 || norm + kEpsilon <= max_norm) return 1;
  return max_norm / (norm + kEpsilon);
}

}  // namespace lockstep
