#include "kernels/linear_bias.h"

#include "kernels/status.h"

namespace lockstep {

absl::Status LinearBiasForward(TensorView inout_TN, TensorView bias_N,
                               Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("linear_bias inout", inout_TN, inout_TN.rows, inout_TN.cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("linear_bias bias", bias_N, 1, inout_TN.cols));
  return inout_TN.device == Device::kCuda
             ? LinearBiasForwardCuda(inout_TN, bias_N, stream)
             : LinearBiasForwardCpu(inout_TN, bias_N);
}

absl::Status LinearBiasBackward(float* d_bias_N, TensorView d_out_TN,
                                Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("linear_bias d_out", d_out_TN, d_out_TN.rows, d_out_TN.cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("linear_bias d_bias", d_bias_N, d_out_TN.cols));
  return d_out_TN.device == Device::kCuda
             ? LinearBiasBackwardCuda(d_bias_N, d_out_TN, stream)
             : LinearBiasBackwardCpu(d_bias_N, d_out_TN);
}

}  // namespace lockstep
