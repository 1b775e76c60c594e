#include "kernels/rms_norm.h"

#include <cmath>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_width.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

using simd::Float;
using simd::LoadUpTo;
using simd::StoreUpTo;

template <int N>
LOCKSTEP_INLINE void Forward(const RmsNormForwardArgs& args) {
  const int64_t cols = args.in_TD.cols;
  const bool adds = args.delta_TD.defined();
  const float* weight = args.weight_D.FloatRow(0);
  const auto epsilon = static_cast<float>(args.epsilon);
  for (int64_t t = 0; t < args.in_TD.rows; ++t) {
    const float* in = args.in_TD.FloatRow(t);
    const float* sum = in;
    Float<N> squares{};
    for (int64_t i = 0; i < cols; i += N) {
      Float<N> x = LoadUpTo<N>(in + i, cols - i);
      if (adds) {
        x += LoadUpTo<N>(args.delta_TD.FloatRow(t) + i, cols - i);
        StoreUpTo<N>(args.sum_TD.FloatRow(t) + i, x, cols - i);
      }
      squares += x * x;
    }
    if (adds) sum = args.sum_TD.FloatRow(t);
    const float mean = simd::Sum<N>(squares) / static_cast<float>(cols);
    const float inv_rms = 1.0f / std::sqrt(mean + epsilon);
    args.inv_rms_T[t] = inv_rms;
    float* out = args.out_TD.FloatRow(t);
    for (int64_t i = 0; i < cols; ++i) out[i] = sum[i] * inv_rms * weight[i];
  }
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(Forward, RmsNormForwardArgs)

// d_in of one row. mean_D(g * n) * n is sum * dot * inv_rms^2 / D, where dot is
// sum_D(g * sum).
template <int N>
LOCKSTEP_INLINE void BackwardRow(const RmsNormBackwardArgs& args, int64_t t) {
  const int64_t cols = args.sum_TD.cols;
  const float* d_out = args.d_out_TD.FloatRow(t);
  const float* sum = args.sum_TD.FloatRow(t);
  const float* weight = args.weight_D.FloatRow(0);
  const float* residual =
      args.d_residual_TD.defined() ? args.d_residual_TD.FloatRow(t) : nullptr;
  const float inv_rms = args.inv_rms_T[t];

  Float<N> dots{};
  for (int64_t i = 0; i < cols; i += N) {
    dots += LoadUpTo<N>(d_out + i, cols - i) *
            LoadUpTo<N>(weight + i, cols - i) * LoadUpTo<N>(sum + i, cols - i);
  }
  const float share =
      simd::Sum<N>(dots) * inv_rms * inv_rms / static_cast<float>(cols);
  for (int64_t i = 0; i < cols; i += N) {
    const Float<N> g =
        LoadUpTo<N>(d_out + i, cols - i) * LoadUpTo<N>(weight + i, cols - i);
    Float<N> d_in = inv_rms * (g - LoadUpTo<N>(sum + i, cols - i) * share);
    if (residual != nullptr) d_in += LoadUpTo<N>(residual + i, cols - i);
    StoreUpTo<N>(args.d_in_TD.FloatRow(t) + i, d_in, cols - i);
  }
}

template <int N>
LOCKSTEP_INLINE void Backward(const RmsNormBackwardArgs& args) {
  for (int64_t t = 0; t < args.sum_TD.rows; ++t) {
    if (args.d_weight_D != nullptr) {  // First, as d_in may be d_out.
      const float* d_out = args.d_out_TD.FloatRow(t);
      const float* sum = args.sum_TD.FloatRow(t);
      const float inv_rms = args.inv_rms_T[t];
      for (int64_t i = 0; i < args.sum_TD.cols; ++i) {
        args.d_weight_D[i] += d_out[i] * sum[i] * inv_rms;
      }
    }
    BackwardRow<N>(args, t);
  }
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(Backward, RmsNormBackwardArgs)

}  // namespace

absl::Status RmsNormForwardCpu(const RmsNormForwardArgs& args) {
  for (const TensorView& view :
       {args.out_TD, args.sum_TD, args.in_TD, args.delta_TD, args.weight_D}) {
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("rms_norm", view));
  }
  Forward(args);
  return absl::OkStatus();
}

absl::Status RmsNormBackwardCpu(const RmsNormBackwardArgs& args) {
  for (const TensorView& view : {args.d_in_TD, args.d_out_TD, args.sum_TD,
                                 args.weight_D, args.d_residual_TD}) {
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("rms_norm", view));
  }
  Backward(args);
  return absl::OkStatus();
}

}  // namespace lockstep
