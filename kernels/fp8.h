#ifndef LOCKSTEP_KERNELS_FP8_H_
#define LOCKSTEP_KERNELS_FP8_H_

// The FP8 format e4m3 (arXiv:2209.05433; "fn": no infinities): a sign, four
// bits of exponent with bias 7, three of mantissa. The largest is 448, the
// smallest above zero 2^-9.
//
// For which three bits are too few, a number is the sum of two of the format.
// u of activations beside v of weights, for which 2^-9 is nearer:
//
//   u = hi_u + lo_u          hi_u = e4m3(u)    lo_u = e4m3(u - hi_u)
//   v = hi_v + lo_v / 16     hi_v = e4m3(v)    lo_v = e4m3(16 (v - hi_v))
//
// Their product, but for that of the two rests, which is less than 2^-8 of it,
// is what three columns beside three add to a product of matrices:
//
//   [hi_u | e4m3(hi_u / 16) | lo_u] [hi_v | lo_v | hi_v]^T
//
// A tail of R columns takes 3 R so: the first of each, the second, the third.

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace lockstep {

inline constexpr float kE4m3Largest = 448.0f;
inline constexpr int kFp8TailParts = 3;
inline constexpr float kFp8RestFactor = 16.0f;

struct Fp8Scale {
  float scale;
  float inverse;
};

#ifdef __CUDACC__
#define LOCKSTEP_HOST_DEVICE __host__ __device__
#else
#define LOCKSTEP_HOST_DEVICE
#endif

// The larger of `most` and |value|; a NaN is larger than all.
LOCKSTEP_HOST_DEVICE inline float LargerMagnitude(float most, float value) {
  const float magnitude = value < 0 ? -value : value;
  return most >= magnitude || most != most ? most : magnitude;
}

// By which a tail's u are multiplied and its v divided, a power of two: of a
// tail whose largest v is `largest` before. v need not be large, as its rests
// reach down to 2^-13, and u must not be small beside its row; but beyond 64 it
// is u that would be large, and take from its row what is small there. A NaN
// where the tail is not finite, so that all it meets becomes one.
LOCKSTEP_HOST_DEVICE inline float Fp8TailFactor(float largest) {
  constexpr float kFinite = 3.4e38f, kUsualMost = 64.0f;
  if (!(largest <= kFinite)) return largest - largest;
  float least = largest < kUsualMost ? largest : kUsualMost;
  if (largest > least * kE4m3Largest) least = largest / kE4m3Largest;
  float factor = 1.0f;
  while (factor < least) factor *= 2.0f;
  return factor;
}

// Of numbers up to `most`, which is above zero.
LOCKSTEP_HOST_DEVICE inline Fp8Scale Fp8ScaleOf(float most) {
  return {most / kE4m3Largest, kE4m3Largest / most};
}

// To the nearest, ties to even; what is too large becomes the largest.
inline uint8_t ToE4m3(float value) {
  constexpr uint8_t kNan = 0x7f;
  if (std::isnan(value)) return kNan;
  const uint8_t sign = std::signbit(value) ? 0x80 : 0;
  const float magnitude = std::min(std::fabs(value), kE4m3Largest);
  // Of the last bit: 2^-9 below the smallest normal number, 2^-6.
  const int exponent = std::max(std::ilogb(magnitude), -6);
  const float last = std::ldexp(1.0f, exponent - 3);
  const auto steps = static_cast<unsigned>(std::nearbyint(magnitude / last));
  // Eight steps are the implicit one; a mantissa that overflows carries.
  return static_cast<uint8_t>(sign | (((exponent + 6) << 3) + steps));
}

inline float FromE4m3(uint8_t bits) {
  const int exponent = (bits >> 3) & 0xf, mantissa = bits & 0x7;
  if (exponent == 0xf && mantissa == 0x7) return std::nanf("");
  const float magnitude =
      exponent == 0
          ? std::ldexp(static_cast<float>(mantissa), -9)
          : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  return (bits & 0x80) != 0 ? -magnitude : magnitude;
}

#undef LOCKSTEP_HOST_DEVICE

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_FP8_H_
