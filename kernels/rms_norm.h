#ifndef LOCKSTEP_KERNELS_RMS_NORM_H_
#define LOCKSTEP_KERNELS_RMS_NORM_H_

// The residual addition and RMSNorm (arXiv:1910.07467) in one pass.
// T tokens, D hidden size.
//
//   sum_TD    = in_TD + delta_TD
//   inv_rms_T = 1 / sqrt(mean_D(sum^2) + epsilon)
//   out_TD    = sum_TD * inv_rms_T * weight_D

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/tensor_view.h"

namespace lockstep {

struct RmsNormForwardArgs {
  TensorView out_TD;  // Aliases nothing.
  // May be in_TD or delta_TD. Without delta it is left as it is (the sum is
  // in_TD itself) and may be undefined.
  TensorView sum_TD;
  float* inv_rms_T = nullptr;
  TensorView in_TD;
  TensorView delta_TD;  // Optional.
  TensorView weight_D;  // [1, D]
  double epsilon = 0;
};

absl::Status RmsNormForward(const RmsNormForwardArgs& args, Stream stream = {});
absl::Status RmsNormForwardCpu(const RmsNormForwardArgs& args);
absl::Status RmsNormForwardCuda(const RmsNormForwardArgs& args, Stream stream);

// Partial sums of d_weight that a GPU makes of T tokens, each of D floats: the
// order of the sum depends on the shape, not on the GPU.
int64_t RmsNormBackwardPartials(int64_t t, int64_t d);

// Floats of memory that they need, also of fewer tokens: 4 MiB at most.
int64_t RmsNormBackwardScratch(int64_t t, int64_t d);

// With n = sum * inv_rms and g = d_out * weight:
//
//   d_in_TD     = inv_rms * (g - n * mean_D(g * n)) + d_residual_TD
//   d_weight_D += sum_T(d_out * n)
//
// d_in is the gradient of both in and delta.
struct RmsNormBackwardArgs {
  TensorView d_in_TD;           // May be d_out_TD or d_residual_TD.
  float* d_weight_D = nullptr;  // Null if the weight is frozen.
  TensorView d_out_TD;
  TensorView sum_TD;  // What forward normed: in_TD without delta.
  const float* inv_rms_T = nullptr;
  TensorView weight_D;       // [1, D]
  TensorView d_residual_TD;  // Optional.
  // [RmsNormBackwardScratch(T, D)] on a GPU where there is d_weight, for this
  // call's own; not looked at on the CPU.
  float* scratch = nullptr;
};

absl::Status RmsNormBackward(const RmsNormBackwardArgs& args,
                             Stream stream = {});
absl::Status RmsNormBackwardCpu(const RmsNormBackwardArgs& args);
absl::Status RmsNormBackwardCuda(const RmsNormBackwardArgs& args,
                                 Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_RMS_NORM_H_
