#ifndef LOCKSTEP_KERNELS_FP8_H_
#define LOCKSTEP_KERNELS_FP8_H_

// The FP8 format e4m3 (arXiv:2209.05433; "fn": no infinities): a sign, four
// bits of exponent with bias 7, three of mantissa. The largest is 448, the
// smallest above zero 2^-9.

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace lockstep {

inline constexpr float kE4m3Largest = 448.0f;

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

// Of numbers up to `most`; rows of zeros have one too.
LOCKSTEP_HOST_DEVICE inline Fp8Scale Fp8ScaleOf(float most) {
  constexpr float kTiny = 1e-12f;
  const float largest = most < kTiny ? kTiny : most;
  return {largest / kE4m3Largest, kE4m3Largest / largest};
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
