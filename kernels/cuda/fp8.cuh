#ifndef LOCKSTEP_KERNELS_CUDA_FP8_CUH_
#define LOCKSTEP_KERNELS_CUDA_FP8_CUH_

// To e4m3 and back, as kernels/fp8.h does it on the CPU.

#include <cuda_fp8.h>

#include <cstdint>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"

namespace lockstep::cuda {

// Elements of `in` that one access holds.
inline int64_t AccessWidth(const TensorView& in) {
  return kAccessBytes / (in.dtype == DType::kBFloat16 ? 2 : 4);
}

// Whether rows from `out` on, `stride` bytes apart, begin where `width` bytes
// may be written at once.
inline bool AreRowsAligned(const uint8_t* out, int64_t stride, int64_t width) {
  return reinterpret_cast<uintptr_t>(out) % width == 0 && stride % width == 0;
}

__device__ inline uint8_t ToE4m3Bits(float value) {
  return __nv_cvt_float_to_fp8(value, __NV_SATFINITE, __NV_E4M3);
}

// The number of the format that is nearest to `value`.
__device__ inline float RoundedToE4m3(float value) {
  return __half2float(
      __half(__nv_cvt_fp8_to_halfraw(ToE4m3Bits(value), __NV_E4M3)));
}

// A byte for each of kWidth floats, in one access: `out` is aligned to it.
template <int kWidth>
__device__ inline void StoreE4m3(uint8_t* out, const float (&floats)[kWidth]) {
  if constexpr (kWidth == 1) {
    *out = ToE4m3Bits(floats[0]);
  } else {
    // Two are converted by one machine instruction.
    Vector<uint16_t, kWidth / 2> pairs;
#pragma unroll
    for (int i = 0; i < kWidth; i += 2) {
      pairs.values[i / 2] = __nv_cvt_float2_to_fp8x2(
          make_float2(floats[i], floats[i + 1]), __NV_SATFINITE, __NV_E4M3);
    }
    Store(reinterpret_cast<uint16_t*>(out), pairs);
  }
}

}  // namespace lockstep::cuda

#endif  // LOCKSTEP_KERNELS_CUDA_FP8_CUH_
