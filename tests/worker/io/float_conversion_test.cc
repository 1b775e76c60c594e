#include "worker/io/float_conversion.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace lockstep {
namespace {

// Every finite number of a 16-bit type comes back as itself, and the point
// between it and its neighbour goes to the even one of the two.
template <typename Widen, typename Narrow>
void CheckRounding(Widen widen, Narrow narrow) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = widen(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(widen(narrow(value)))) << bits;
      continue;
    }
    ASSERT_EQ(narrow(value), half);
    const float next = widen(static_cast<uint16_t>(half + 1));
    if (std::isinf(value) || !std::isfinite(next)) continue;
    const float middle = 0.5f * value + 0.5f * next;
    const uint16_t even = (half & 1) == 0 ? half : half + 1;
    ASSERT_EQ(narrow(middle), even) << value;
    ASSERT_EQ(narrow(std::nextafter(middle, value)), half) << value;
    ASSERT_EQ(narrow(std::nextafter(middle, next)), half + 1) << value;
  }
}

TEST(FloatConversionTest, Bfloat16RoundsToNearestEven) {
  CheckRounding(Bfloat16ToFloat32, Float32ToBfloat16);
}

TEST(FloatConversionTest, Float16RoundsToNearestEven) {
  CheckRounding(Float16ToFloat32, Float32ToFloat16);
}

TEST(FloatConversionTest, KnownNumbers) {
  EXPECT_EQ(Float32ToBfloat16(1.0f), 0x3f80);
  EXPECT_EQ(Float32ToBfloat16(-3.140625f), 0xc049);
  EXPECT_EQ(Float32ToFloat16(1.0f), 0x3c00);
  EXPECT_EQ(Float32ToFloat16(65504.0f), 0x7bff);
  EXPECT_EQ(Float16ToFloat32(0x0001), 0x1p-24f);
}

TEST(FloatConversionTest, WhatIsTooLargeBecomesInfinite) {
  EXPECT_EQ(Float32ToFloat16(65520.0f), 0x7c00);
  EXPECT_EQ(Float32ToFloat16(-1e30f), 0xfc00);
  EXPECT_EQ(Float32ToBfloat16(std::numeric_limits<float>::max()), 0x7f80);
}

TEST(FloatConversionTest, DecodesWhatItEncodes) {
  const std::vector<float> values = {0.0f, -1.5f, 2.25f};
  for (const char* dtype : {"F32", "BF16", "F16"}) {
    std::vector<char> bytes(values.size() * *FloatDtypeBytes(dtype));
    std::vector<float> decoded(values.size());

    EncodeFloats(dtype, values.data(), 3, bytes.data());
    DecodeFloats(dtype, bytes.data(), 3, decoded.data());

    EXPECT_EQ(decoded, values) << dtype;
  }
  EXPECT_FALSE(FloatDtypeBytes("I64").ok());
}

}  // namespace
}  // namespace lockstep
