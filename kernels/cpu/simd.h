#ifndef LOCKSTEP_KERNELS_CPU_SIMD_H_
#define LOCKSTEP_KERNELS_CPU_SIMD_H_

// N floats at a time in GCC's vector extension, for the CPU kernels: one text
// for every width (kernels/cpu/vector_width.h). Sums over lanes have a fixed
// order.

#include <cstdint>
#include <cstring>

#include "kernels/cpu/vector_width.h"

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

// Where lanes are compared. If `a` is a NaN, it is the larger and the smaller.
template <int N>
struct Compare {
  LOCKSTEP_INLINE static Float<N> Max(Float<N> a, Float<N> b) {
    return a < b ? b : a;
  }
  LOCKSTEP_INLINE static Float<N> Min(Float<N> a, Float<N> b) {
    return b < a ? b : a;
  }
  // `value` where `a` is less than `limit`, and `other` elsewhere.
  LOCKSTEP_INLINE static Float<N> IfLess(Float<N> a, float limit,
                                         Float<N> value, Float<N> other) {
    return a < limit ? value : other;
  }
  LOCKSTEP_INLINE static Float<N> IfLess(Int<N> a, int32_t limit,
                                         Float<N> value, Float<N> other) {
    return a < limit ? value : other;
  }
};

// The same. GCC 12 settles the type of a comparison where it is written, and
// compares lane by lane if that place knows no AVX-512, whatever it is inlined
// into.
template <>
struct Compare<16> {
  LOCKSTEP_TARGET_AVX512 static inline Float<16> Max(Float<16> a, Float<16> b) {
    return a < b ? b : a;
  }
  LOCKSTEP_TARGET_AVX512 static inline Float<16> Min(Float<16> a, Float<16> b) {
    return b < a ? b : a;
  }
  LOCKSTEP_TARGET_AVX512 static inline Float<16> IfLess(Float<16> a,
                                                        float limit,
                                                        Float<16> value,
                                                        Float<16> other) {
    return a < limit ? value : other;
  }
  LOCKSTEP_TARGET_AVX512 static inline Float<16> IfLess(Int<16> a,
                                                        int32_t limit,
                                                        Float<16> value,
                                                        Float<16> other) {
    return a < limit ? value : other;
  }
};

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
    return Max<N / 2>(Compare<N / 2>::Max(halves[0], halves[1]));
  }
}

// mantissa * 2^n, where `shifted` is n + kShift and the result is normal.
// Adding kShift to a float rounds it to a whole number and leaves that in the
// low bits, from where it moves into the exponent.
inline constexpr float kShift = 12582912.0f;  // 1.5 * 2^23

template <int N>
LOCKSTEP_INLINE Float<N> ScaleByPowerOf2(Float<N> mantissa, Float<N> shifted) {
  return reinterpret_cast<Float<N>>(reinterpret_cast<Int<N>>(mantissa) +
                                    (reinterpret_cast<Int<N>>(shifted) << 23));
}

// 2^x within 2 ulp for x in [-125, 126]; zero below, undefined above. The
// polynomial is that of Cephes' exp2f (Moshier).
template <int N>
LOCKSTEP_INLINE Float<N> Exp2(Float<N> x) {
  const Float<N> shifted = x + kShift;
  const Float<N> r = x - (shifted - kShift);
  Float<N> p = Broadcast<N>(1.535336188319500e-4f);
  p = p * r + 1.339887440266574e-3f;
  p = p * r + 9.618437357674640e-3f;
  p = p * r + 5.550332471162809e-2f;
  p = p * r + 2.402264791363012e-1f;
  p = p * r + 6.931472028550421e-1f;
  p = p * r + 1.0f;
  return Compare<N>::IfLess(x, -125.0f, Float<N>{},
                            ScaleByPowerOf2<N>(p, shifted));
}

// e^x within 2 ulp for x in [-86, 87]: zero below, as at 87 above. The argument
// reduction and the polynomial are those of Cephes' expf.
template <int N>
LOCKSTEP_INLINE Float<N> Exp(Float<N> x) {
  x = Compare<N>::Min(x, Broadcast<N>(87.0f));
  const Float<N> shifted = x * 1.44269504088896341f + kShift;
  const Float<N> n = shifted - kShift;
  Float<N> r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  Float<N> p = Broadcast<N>(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  return Compare<N>::IfLess(x, -86.0f, Float<N>{},
                            ScaleByPowerOf2<N>(p, shifted));
}

template <int N>
LOCKSTEP_INLINE Float<N> Sigmoid(Float<N> x) {
  return 1.0f / (1.0f + Exp<N>(-x));
}

}  // namespace lockstep::simd

#endif  // LOCKSTEP_KERNELS_CPU_SIMD_H_
