#ifndef LOCKSTEP_KERNELS_LINEAR_BIAS_H_
#define LOCKSTEP_KERNELS_LINEAR_BIAS_H_

// The bias of a linear whose product is a GEMM's. T tokens, N columns.

#include "absl/status/status.h"
#include "kernels/tensor_view.h"

namespace lockstep {

// inout_TN += bias_N, which is [1, N].
absl::Status LinearBiasForward(TensorView inout_TN, TensorView bias_N,
                               Stream stream = {});
absl::Status LinearBiasForwardCpu(TensorView inout_TN, TensorView bias_N);
absl::Status LinearBiasForwardCuda(TensorView inout_TN, TensorView bias_N,
                                   Stream stream);

// d_bias_N += sum_T(d_out_TN), rows in a fixed order.
absl::Status LinearBiasBackward(float* d_bias_N, TensorView d_out_TN,
                                Stream stream = {});
absl::Status LinearBiasBackwardCpu(float* d_bias_N, TensorView d_out_TN);
absl::Status LinearBiasBackwardCuda(float* d_bias_N, TensorView d_out_TN,
                                    Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_LINEAR_BIAS_H_
