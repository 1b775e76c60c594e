#include "kernels/linear_bias.h"

#include "kernels/status.h"

namespace lockstep {

absl::Status LinearBiasForwardCpu(TensorView inout_TN, TensorView bias_N) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("linear_bias", inout_TN));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("linear_bias", bias_N));
  const float* bias = bias_N.FloatRow(0);
  for (int64_t t = 0; t < inout_TN.rows; ++t) {
    float* row = inout_TN.FloatRow(t);
    for (int64_t i = 0; i < inout_TN.cols; ++i) row[i] += bias[i];
  }
  return absl::OkStatus();
}

absl::Status LinearBiasBackwardCpu(float* d_bias_N, TensorView d_out_TN) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("linear_bias", d_out_TN));
  for (int64_t t = 0; t < d_out_TN.rows; ++t) {
    const float* row = d_out_TN.FloatRow(t);
    for (int64_t i = 0; i < d_out_TN.cols; ++i) d_bias_N[i] += row[i];
  }
  return absl::OkStatus();
}

}  // namespace lockstep
