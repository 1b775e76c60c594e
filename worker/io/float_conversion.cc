#include "worker/io/float_conversion.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "proto/contract/check.h"

namespace lockstep {

uint16_t Float32ToBfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {  // NaN: keep it quiet.
    return static_cast<uint16_t>((bits >> 16) | 0x0040u);
  }
  const uint32_t rounding = 0x7fffu + ((bits >> 16) & 1u);
  return static_cast<uint16_t>((bits + rounding) >> 16);
}

float Bfloat16ToFloat32(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

uint16_t Float32ToFloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {  // Subnormal: adding 0.5 aligns the mantissa.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(
        sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  const uint32_t odd = (magnitude >> 13) & 1u;
  // Exponent bias 127 becomes 15; half of the lost part, ties to even.
  const uint32_t rounded = magnitude - (112u << 23) + 0xfffu + odd;
  return static_cast<uint16_t>(sign | (rounded >> 13));
}

float Float16ToFloat32(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0x1f) {
    return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  }
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112u) << 23) |
                              (mantissa << 13));
}

absl::StatusOr<int64_t> FloatDtypeBytes(const std::string& dtype) {
  if (dtype == "F32") return 4;
  if (dtype == "BF16" || dtype == "F16") return 2;
  return absl::InvalidArgumentError(
      absl::StrCat("dtype ", dtype, " is not one of F32, BF16, F16"));
}

void DecodeFloats(const std::string& dtype, const void* in, int64_t elements,
                  float* out) {
  if (dtype == "F32") {
    std::memcpy(out, in, static_cast<size_t>(elements) * sizeof(float));
    return;
  }
  const auto convert = dtype == "BF16" ? Bfloat16ToFloat32 : Float16ToFloat32;
  LOCKSTEP_CHECK(dtype == "BF16" || dtype == "F16");
  const char* bytes = static_cast<const char*>(in);
  for (int64_t i = 0; i < elements; ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes + 2 * i, 2);
    out[i] = convert(bits);
  }
}

void EncodeFloats(const std::string& dtype, const float* in, int64_t elements,
                  void* out) {
  if (dtype == "F32") {
    std::memcpy(out, in, static_cast<size_t>(elements) * sizeof(float));
    return;
  }
  const auto convert = dtype == "BF16" ? Float32ToBfloat16 : Float32ToFloat16;
  LOCKSTEP_CHECK(dtype == "BF16" || dtype == "F16");
  char* bytes = static_cast<char*>(out);
  for (int64_t i = 0; i < elements; ++i) {
    const uint16_t bits = convert(in[i]);
    std::memcpy(bytes + 2 * i, &bits, 2);
  }
}

}  // namespace lockstep
