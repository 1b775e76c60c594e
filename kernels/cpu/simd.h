#ifndef LOCKSTEP_KERNELS_CPU_SIMD_H_
#define LOCKSTEP_KERNELS_CPU_SIMD_H_

// N floats at a time in GCC's vector extension, for the CPU kernels: one text
// for every width (kernels/cpu/vector_width.h). Sums over lanes have a fixed
// order.

#include <cstdint>
#include <cstring>

#define LOCKSTEP_INLINE inline __attribute__((always_inline))

namespace lockstep::simd {

template <int N>
struct VectorOf {
  typedef float Float __attribute__((vector_size(4 * N)));
  typedef int32_t Int __attribute__((vector_size(4 * N)));
};

template <int N>
using Float = typename VectorOf<N>::Float;
template <int N>
using Int = typename VectorOf<N>::Int;

template <int N>
LOCKSTEP_INLINE Float<N> Load(const float* from) {
  Float<N> value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <int N>
LOCKSTEP_INLINE void Store(float* to, Float<N> value) {
  std::memcpy(to, &value, sizeof(value));
}

template <int N>
LOCKSTEP_INLINE Float<N> Broadcast(float value) {
  return value - Float<N>{};  // Not a sum: -0 + 0 is 0.
}

// The last columns of a row: `count` lanes from memory if fewer than N are
// left, and `rest` in the others.
template <int N>
LOCKSTEP_INLINE Float<N> LoadUpTo(const float* from, int64_t count,
                                  float rest = 0) {
  if (count >= N) return Load<N>(from);
  Float<N> value = Broadcast<N>(rest);
  std::memcpy(&value, from, count * sizeof(float));
  return value;
}

template <int N>
LOCKSTEP_INLINE void StoreUpTo(float* to, Float<N> value, int64_t count) {
  if (count >= N) return Store<N>(to, value);
  std::memcpy(to, &value, count * sizeof(float));
}

// Halves are added to halves.
template <int N>
LOCKSTEP_INLINE float Sum(Float<N> value) {
  if constexpr (N == 2) {
    return value[0] + value[1];
  } else {
    Float<N / 2> halves[2];
    std::memcpy(halves, &value, sizeof(value));
    return Sum<N / 2>(halves[0] + halves[1]);
  }
}

template <int N>
LOCKSTEP_INLINE float Max(Float<N> value) {
  if constexpr (N == 2) {
    return value[0] < value[1] ? value[1] : value[0];
  } else {
    Float<N / 2> halves[2];
    std::memcpy(halves, &value, sizeof(value));
    return Max<N / 2>(halves[0] < halves[1] ? halves[1] : halves[0]);
  }
}

// e^x within 2 ulp for x in [-87.3, 88.3]: zero below, as at 88.3 above. The
// argument reduction and the polynomial are those of Cephes' expf (Moshier).
template <int N>
LOCKSTEP_INLINE Float<N> Exp(Float<N> x) {
  const Float<N> argument = x;
  x = x < -87.3f ? Broadcast<N>(-87.3f) : x;
  x = x > 88.3f ? Broadcast<N>(88.3f) : x;
  // Adding 1.5 * 2^23 leaves the rounded multiple of ln 2 in the mantissa.
  const Float<N> shifted = x * 1.44269504088896341f + 12582912.0f;
  const Float<N> n = shifted - 12582912.0f;
  Float<N> r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  Float<N> p = Broadcast<N>(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const Int<N> bits = reinterpret_cast<Int<N>>(shifted);
  const Int<N> exponent = ((bits & 0x7fffff) - 0x400000 + 127) << 23;
  p = p * reinterpret_cast<Float<N>>(exponent);
  return argument < -87.3f ? Float<N>{} : p;
}

template <int N>
LOCKSTEP_INLINE Float<N> Sigmoid(Float<N> x) {
  return 1.0f / (1.0f + Exp<N>(-x));
}

}  // namespace lockstep::simd

#endif  // LOCKSTEP_KERNELS_CPU_SIMD_H_
