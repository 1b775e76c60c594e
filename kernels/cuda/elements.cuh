#ifndef LOCKSTEP_KERNELS_CUDA_ELEMENTS_CUH_
#define LOCKSTEP_KERNELS_CUDA_ELEMENTS_CUH_

// Elements in device memory and the floats that kernels compute with. kWidth
// elements travel as one access: 16 bytes, or one element where the views are
// not aligned (kernels/cuda/dispatch.h chooses). Floats beside bfloat16
// elements take two accesses.

#include <cuda_bf16.h>

#include <bit>
#include <cstdint>

#include "kernels/tensor_view.h"

namespace lockstep::cuda {

template <typename T, int kWidth>
struct alignas(sizeof(T) * kWidth < 16 ? sizeof(T) * kWidth : 16) Vector {
  T values[kWidth];
};

// Two bfloat16 are one word. Elements would get a register each where a vector
// is read under a condition: twice the registers, and a wait for the read right
// behind it, to part them.
template <int kWidth>
struct alignas(2 * kWidth) BFloat16Pairs {
  uint32_t pairs[kWidth / 2];
};
template <>
struct Vector<__nv_bfloat16, 4> : BFloat16Pairs<4> {};
template <>
struct Vector<__nv_bfloat16, 8> : BFloat16Pairs<8> {};

// A view inside a kernel.
template <typename T>
struct Matrix {
  explicit Matrix(const TensorView& view)
      : data(static_cast<T*>(view.data)), stride(view.stride) {}
  __device__ T* row(int64_t index) const { return data + index * stride; }

  T* data;
  int64_t stride;
};

template <int kWidth, typename T>
__device__ inline Vector<T, kWidth> Load(const T* from) {
  return *reinterpret_cast<const Vector<T, kWidth>*>(from);
}

template <int kWidth, typename T>
__device__ inline void Store(T* to, const Vector<T, kWidth>& vector) {
  *reinterpret_cast<Vector<T, kWidth>*>(to) = vector;
}

template <int kWidth>
__device__ inline void Unpack(const Vector<float, kWidth>& vector,
                              float (&floats)[kWidth]) {
#pragma unroll
  for (int i = 0; i < kWidth; ++i) floats[i] = vector.values[i];
}

template <int kWidth>
__device__ inline void Unpack(const Vector<__nv_bfloat16, kWidth>& vector,
                              float (&floats)[kWidth]) {
  if constexpr (kWidth == 1) {
    floats[0] = __bfloat162float(vector.values[0]);
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; i += 2) {
      const uint32_t pair = vector.pairs[i / 2];
      floats[i] = __uint_as_float(pair << 16);
      floats[i + 1] = __uint_as_float(pair & 0xffff0000);
    }
  }
}

template <int kWidth>
__device__ inline void Pack(const float (&floats)[kWidth],
                            Vector<float, kWidth>& vector) {
#pragma unroll
  for (int i = 0; i < kWidth; ++i) vector.values[i] = floats[i];
}

template <int kWidth>
__device__ inline void Pack(const float (&floats)[kWidth],
                            Vector<__nv_bfloat16, kWidth>& vector) {
  if constexpr (kWidth == 1) {
    vector.values[0] = __float2bfloat16_rn(floats[0]);
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; i += 2) {  // Two are converted by one machine
      const __nv_bfloat162 pair =          // instruction.
          __floats2bfloat162_rn(floats[i], floats[i + 1]);
      vector.pairs[i / 2] =
          std::bit_cast<uint32_t>(static_cast<__nv_bfloat162_raw>(pair));
    }
  }
}

template <int kWidth, typename T>
__device__ inline void LoadFloats(const T* from, float (&floats)[kWidth]) {
  Unpack(Load<kWidth>(from), floats);
}

template <int kWidth, typename T>
__device__ inline void StoreFloats(T* to, const float (&floats)[kWidth]) {
  Vector<T, kWidth> vector;
  Pack(floats, vector);
  Store(to, vector);
}

}  // namespace lockstep::cuda

#endif  // LOCKSTEP_KERNELS_CUDA_ELEMENTS_CUH_
