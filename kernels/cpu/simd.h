#ifndef LOCKSTEP_KERNELS_CPU_SIMD_H_
#define LOCKSTEP_KERNELS_CPU_SIMD_H_

// N floats at a time in GCC's vector extension, for the CPU kernels: one text
// for every width (kernels/cpu/vector_width.h). Sums over lanes have a fixed
// order.

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/cpu/vector_width.h"

#define LOCKSTEP_INLINE inline __attribute__((always_inline))

namespace lockstep::simd {

template <int N>
struct VectorOf {
  typedef float Float __attribute__((vector_size(4 * N)));
  typedef int32_t Int __attribute__((vector_size(4 * N)));
  typedef uint32_t Bits __attribute__((vector_size(4 * N)));
};

template <int N>
using Float = typename VectorOf<N>::Float;
template <int N>
using Int = typename VectorOf<N>::Int;
template <int N>
using Bits = typename VectorOf<N>::Bits;

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
struct Constant {
  LOCKSTEP_INLINE static Float<N> Of(float value) {
    return value - Float<N>{};  // Not a sum: -0 + 0 is 0.
  }
};

// GCC 12 may set lane after lane where it does not know AVX-512.
template <>
struct Constant<16> {
  LOCKSTEP_TARGET_AVX512 static inline Float<16> Of(float value) {
    return _mm512_set1_ps(value);
  }
};

template <int N>
LOCKSTEP_INLINE Float<N> Broadcast(float value) {
  return Constant<N>::Of(value);
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

// Where AVX-512 has an instruction for what takes many elsewhere.
template <int N>
struct Native {
  // `count` < N lanes; the others are `rest`.
  LOCKSTEP_INLINE static Float<N> LoadPart(const float* from, int64_t count,
                                           float rest) {
    Float<N> value = Broadcast<N>(rest);
    std::memcpy(&value, from, count * sizeof(float));
    return value;
  }
  LOCKSTEP_INLINE static void StorePart(float* to, Float<N> value,
                                        int64_t count) {
    std::memcpy(to, &value, count * sizeof(float));
  }
  LOCKSTEP_INLINE static Float<N> Reciprocal(Float<N> x) { return 1.0f / x; }
};

template <>
struct Native<16> {
  LOCKSTEP_TARGET_AVX512 static inline Float<16> LoadPart(const float* from,
                                                          int64_t count,
                                                          float rest) {
    return _mm512_mask_loadu_ps(_mm512_set1_ps(rest), Lanes(count), from);
  }
  LOCKSTEP_TARGET_AVX512 static inline void StorePart(float* to,
                                                      Float<16> value,
                                                      int64_t count) {
    _mm512_mask_storeu_ps(to, Lanes(count), value);
  }
  // Within 1 ulp for 1 <= x < 2^126: 14 bits, and as many by Newton's method.
  LOCKSTEP_TARGET_AVX512 static inline Float<16> Reciprocal(Float<16> x) {
    // With a mask: GCC 12 warns of the other form's undefined lanes.
    const Float<16> near = _mm512_maskz_rcp14_ps(0xffff, x);
    return near + near * (1.0f - x * near);
  }

 private:
  LOCKSTEP_TARGET_AVX512 static inline __mmask16 Lanes(int64_t count) {
    return static_cast<__mmask16>((1u << count) - 1);
  }
};

// `from`, of which the compiler then knows nothing: what is loaded through it
// in a loop is loaded anew each time. Below AVX-512 there are too few registers
// for what does not change, and keeping it drives out the sums.
template <int N>
LOCKSTEP_INLINE const float* LoadedAnew(const float* from) {
  if constexpr (N < 16) asm volatile("" : "+r"(from));
  return from;
}

// The last columns of a row: `count` lanes from memory if fewer than N are
// left, and `rest` in the others.
template <int N>
LOCKSTEP_INLINE Float<N> LoadUpTo(const float* from, int64_t count,
                                  float rest = 0) {
  return count >= N ? Load<N>(from) : Native<N>::LoadPart(from, count, rest);
}

template <int N>
LOCKSTEP_INLINE void StoreUpTo(float* to, Float<N> value, int64_t count) {
  if (count >= N) return Store<N>(to, value);
  Native<N>::StorePart(to, value, count);
}

template <int N>
struct Halves {
  LOCKSTEP_INLINE static Halves Of(Float<N> value) {
    Halves halves;
    std::memcpy(&halves, &value, sizeof(value));
    return halves;
  }
  Float<N / 2> low;
  Float<N / 2> high;
};

// In registers: AddressSanitizer's stack is not aligned for a vector of 64
// bytes.
template <>
struct Halves<16> {
  LOCKSTEP_TARGET_AVX512 static inline Halves Of(Float<16> value) {
    // With a mask: GCC 12 warns of the other form's undefined lanes.
    return {_mm512_maskz_extractf32x8_ps(0xff, value, 0),
            _mm512_maskz_extractf32x8_ps(0xff, value, 1)};
  }
  Float<8> low;
  Float<8> high;
};

// Halves are added to halves.
template <int N>
LOCKSTEP_INLINE float Sum(Float<N> value) {
  if constexpr (N == 2) {
    return value[0] + value[1];
  } else {
    const Halves<N> halves = Halves<N>::Of(value);
    return Sum<N / 2>(halves.low + halves.high);
  }
}

template <int N>
LOCKSTEP_INLINE float Max(Float<N> value) {
  if constexpr (N == 2) {
    return value[0] < value[1] ? value[1] : value[0];
  } else {
    const Halves<N> halves = Halves<N>::Of(value);
    return Max<N / 2>(Compare<N / 2>::Max(halves.low, halves.high));
  }
}

// 2^x and e^x are 2^n * p(r): x is taken apart into a whole number n and r in
// [-1/2, 1/2] by Round; Join is 2^n * p where x is at least `least`, and zero
// below. 2^n is normal.
template <int N>
struct Power {
  // Adding this to a float leaves the nearest whole number in its low bits,
  // from where it moves into the exponent.
  static constexpr float kShift = 12582912.0f;  // 1.5 * 2^23

  LOCKSTEP_INLINE static Float<N> Round(Float<N> x) {
    return (x + kShift) - kShift;
  }
  LOCKSTEP_INLINE static Float<N> Join(Float<N> p, Float<N> n, Float<N> x,
                                       float least) {
    // Below `least`, and of a NaN, the sum runs over.
    const auto exponent = reinterpret_cast<Bits<N>>(n + kShift) << 23;
    return Compare<N>::IfLess(
        x, least, Float<N>{},
        reinterpret_cast<Float<N>>(reinterpret_cast<Bits<N>>(p) + exponent));
  }
};

template <>
struct Power<16> {
  LOCKSTEP_TARGET_AVX512 static inline Float<16> Round(Float<16> x) {
    return _mm512_maskz_roundscale_ps(0xffff, x, 0);
  }
  LOCKSTEP_TARGET_AVX512 static inline Float<16> Join(Float<16> p, Float<16> n,
                                                      Float<16> x,
                                                      float least) {
    // A NaN is not less.
    return _mm512_maskz_scalef_ps(
        _mm512_cmp_ps_mask(x, _mm512_set1_ps(least), _CMP_NLT_UQ), p, n);
  }
};

// 2^x within 3 ulp for x in [-125, 126]; zero below, undefined above. The
// polynomial has the least relative error, 9.2e-8, of those that are 1 at 0.
template <int N>
LOCKSTEP_INLINE Float<N> Exp2(Float<N> x) {
  const Float<N> n = Power<N>::Round(x);
  const Float<N> r = x - n;
  Float<N> p = Broadcast<N>(1.326472709e-3f);
  p = p * r + 9.671512649e-3f;
  p = p * r + 5.550733744e-2f;
  p = p * r + 2.402224209e-1f;
  p = p * r + 6.931469776e-1f;
  p = p * r + 1.0f;
  return Power<N>::Join(p, n, x, -125.0f);
}

// e^x within 3 ulp for x in [-86, 87]: zero below, as at 87 above. ln(2) is
// subtracted in two parts, as by Cephes' expf; the polynomial is as above.
template <int N>
LOCKSTEP_INLINE Float<N> Exp(Float<N> x) {
  x = Compare<N>::Min(x, Broadcast<N>(87.0f));
  const Float<N> n = Power<N>::Round(x * 1.44269504088896341f);
  Float<N> r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  Float<N> p = Broadcast<N>(8.312525072e-3f);
  p = p * r + 4.189011347e-2f;
  p = p * r + 1.666711446e-1f;
  p = p * r + 4.999923179e-1f;
  p = p * (r * r) + r + 1.0f;
  return Power<N>::Join(p, n, x, -86.0f);
}

template <int N>
LOCKSTEP_INLINE Float<N> Sigmoid(Float<N> x) {
  return Native<N>::Reciprocal(1.0f + Exp<N>(-x));
}

}  // namespace lockstep::simd

#endif  // LOCKSTEP_KERNELS_CPU_SIMD_H_
