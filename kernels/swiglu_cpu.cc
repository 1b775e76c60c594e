#include "kernels/swiglu.h"

#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_width.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

using simd::Float;
using simd::LoadUpTo;
using simd::StoreUpTo;

struct ForwardArgs {
  TensorView out_TI;
  TensorView gate_up;
};

template <int N>
LOCKSTEP_INLINE void Forward(const ForwardArgs& args) {
  const int64_t cols = args.out_TI.cols;
  for (int64_t t = 0; t < args.out_TI.rows; ++t) {
    const float* gate = args.gate_up.FloatRow(t);
    const float* up = gate + cols;
    float* out = args.out_TI.FloatRow(t);
    for (int64_t i = 0; i < cols; i += N) {
      const Float<N> g = LoadUpTo<N>(gate + i, cols - i);
      StoreUpTo<N>(out + i,
                   g * simd::Sigmoid<N>(g) * LoadUpTo<N>(up + i, cols - i),
                   cols - i);
    }
  }
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(Forward, ForwardArgs)

struct BackwardArgs {
  TensorView gate_up;
  TensorView activation_TI;
  TensorView d_out_TI;
};

template <int N>
LOCKSTEP_INLINE void Backward(const BackwardArgs& args) {
  const int64_t cols = args.d_out_TI.cols;
  const bool again = args.activation_TI.defined();
  for (int64_t t = 0; t < args.d_out_TI.rows; ++t) {
    float* gate = args.gate_up.FloatRow(t);
    float* up = gate + cols;
    for (int64_t i = 0; i < cols; i += N) {
      const int64_t left = cols - i;
      const Float<N> g = LoadUpTo<N>(gate + i, left);
      const Float<N> u = LoadUpTo<N>(up + i, left);
      const Float<N> d = LoadUpTo<N>(args.d_out_TI.FloatRow(t) + i, left);
      const Float<N> s = simd::Sigmoid<N>(g);
      const Float<N> silu = g * s;
      StoreUpTo<N>(gate + i, d * u * s * (1.0f + g * (1.0f - s)), left);
      StoreUpTo<N>(up + i, d * silu, left);
      if (again) {
        StoreUpTo<N>(args.activation_TI.FloatRow(t) + i, silu * u, left);
      }
    }
  }
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(Backward, BackwardArgs)

}  // namespace

absl::Status SwigluForwardCpu(TensorView out_TI, TensorView gate_up) {
  for (const TensorView& view : {out_TI, gate_up}) {
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("swiglu", view));
  }
  Forward(ForwardArgs{out_TI, gate_up});
  return absl::OkStatus();
}

absl::Status SwigluBackwardCpu(TensorView gate_up, TensorView activation_TI,
                               TensorView d_out_TI) {
  for (const TensorView& view : {gate_up, activation_TI, d_out_TI}) {
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("swiglu", view));
  }
  Backward(BackwardArgs{gate_up, activation_TI, d_out_TI});
  return absl::OkStatus();
}

}  // namespace lockstep
