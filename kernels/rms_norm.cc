#include "kernels/rms_norm.h"

#include "kernels/status.h"

namespace lockstep {

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
