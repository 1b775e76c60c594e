#include "kernels/rms_norm.h"

#include <algorithm>

#include "kernels/status.h"

namespace lockstep {

int64_t RmsNormBackwardPartials(int64_t t, int64_t d) {
  // Enough for any GPU to work on at once: longer rows are fewer.
  constexpr int64_t kMostFloats = int64_t{1} << 20;
  // Fewer rows would not be worth a partial sum.
  constexpr int64_t kLeastRows = 8;
  const int64_t worth = (t + kLeastRows - 1) / kLeastRows;
  return std::max<int64_t>(
      std::min(worth, kMostFloats / std::max<int64_t>(d, 1)), 1);
}

int64_t RmsNormBackwardScratch(int64_t t, int64_t d) {
  return RmsNormBackwardPartials(t, d) * d;
}

absl::Status RmsNormForward(const RmsNormForwardArgs& args, Stream stream) {
  const int64_t t = args.in_TD.rows, d = args.in_TD.cols;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckShape("rms_norm in", args.in_TD, t, d));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("rms_norm out", args.out_TD, t, d));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("rms_norm weight", args.weight_D, 1, d));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("rms_norm inv_rms", args.inv_rms_T, t));
  if (args.delta_TD.defined()) {
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(
        CheckShape("rms_norm delta", args.delta_TD, t, d));
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(
        CheckShape("rms_norm sum", args.sum_TD, t, d));
  }
  return args.in_TD.device == Device::kCuda ? RmsNormForwardCuda(args, stream)
                                            : RmsNormForwardCpu(args);
}

absl::Status RmsNormBackward(const RmsNormBackwardArgs& args, Stream stream) {
  const int64_t t = args.sum_TD.rows, d = args.sum_TD.cols;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("rms_norm sum", args.sum_TD, t, d));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("rms_norm d_in", args.d_in_TD, t, d));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("rms_norm d_out", args.d_out_TD, t, d));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("rms_norm weight", args.weight_D, 1, d));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckOptionalShape("rms_norm d_residual", args.d_residual_TD, t, d));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("rms_norm inv_rms", args.inv_rms_T, t));
  return args.sum_TD.device == Device::kCuda ? RmsNormBackwardCuda(args, stream)
                                             : RmsNormBackwardCpu(args);
}

}  // namespace lockstep
