#include "kernels/quantize_fp8.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/fp8.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

// All numbers of the format, by their bits.
TEST(E4m3Test, EachNumberIsItself) {
  for (int bits = 0; bits < 256; ++bits) {
    const float value = FromE4m3(static_cast<uint8_t>(bits));
    if (std::isnan(value)) continue;
    EXPECT_EQ(ToE4m3(value), bits) << value;
  }
}

TEST(E4m3Test, HasTheRangeOfThePaper) {
  EXPECT_EQ(FromE4m3(0x7e), 448);
  EXPECT_EQ(FromE4m3(0x01), 0x1p-9f);
  EXPECT_EQ(FromE4m3(0x08), 0x1p-6f);
  EXPECT_TRUE(std::isnan(FromE4m3(0x7f)));
}

TEST(E4m3Test, RoundsToTheNearestAndTiesToEven) {
  for (int bits = 0; bits < 0x7e; ++bits) {
    const float low = FromE4m3(static_cast<uint8_t>(bits));
    const float high = FromE4m3(static_cast<uint8_t>(bits + 1));
    const float middle = (low + high) / 2;
    const int even = bits % 2 == 0 ? bits : bits + 1;
    EXPECT_EQ(ToE4m3(middle), even) << middle;
    EXPECT_EQ(ToE4m3(std::nextafter(middle, low)), bits);
    EXPECT_EQ(ToE4m3(std::nextafter(middle, high)), bits + 1);
    EXPECT_EQ(ToE4m3(-middle), 0x80 | even);
  }
}

TEST(E4m3Test, WhatIsTooLargeBecomesTheLargest) {
  EXPECT_EQ(ToE4m3(1e9f), 0x7e);
  EXPECT_EQ(ToE4m3(-std::numeric_limits<float>::infinity()), 0xfe);
  EXPECT_EQ(ToE4m3(std::nanf("")), 0x7f);
}

TEST(QuantizeFp8Test, EachRowIsWithinAStepOfItsLargest) {
  Matrix in = Matrix::Random(13, 57, /*seed=*/1, /*range=*/3);
  std::vector<uint8_t> out(13 * 57, 0xff);
  std::vector<float> scale(13, -1);

  ASSERT_TRUE(QuantizeFp8({out.data(), scale.data(), in.view()}).ok());

  const std::vector<float> values = in.Values();
  for (int t = 0; t < 13; ++t) {
    float most = 0;
    for (int i = 0; i < 57; ++i) {
      const float value = values[t * 57 + i];
      most = std::max(most, std::fabs(value));
      const float again = FromE4m3(out[t * 57 + i]) * scale[t];
      EXPECT_LE(std::fabs(again - value),
                std::max(std::fabs(value) / 16, scale[t] * 0x1p-10f) * 1.001f);
    }
    EXPECT_EQ(scale[t], most / 448);
  }
}

TEST(QuantizeFp8Test, ARowOfZerosStaysZero) {
  Matrix in(2, 5);
  std::vector<uint8_t> out(10, 0xff);
  std::vector<float> scale(2, -1);

  ASSERT_TRUE(QuantizeFp8({out.data(), scale.data(), in.view()}).ok());

  EXPECT_EQ(out, std::vector<uint8_t>(10, 0));
  EXPECT_GT(scale[0], 0);
}

TEST(QuantizeFp8Test, WhatIsNotFiniteMakesItsRowSo) {
  Matrix in = Matrix::Random(3, 5, /*seed=*/2);
  in.at(0, 3) = std::nanf("");
  in.at(1, 0) = std::numeric_limits<float>::infinity();
  std::vector<uint8_t> out(15);
  std::vector<float> scale(3);

  ASSERT_TRUE(QuantizeFp8({out.data(), scale.data(), in.view()}).ok());

  for (int i = 0; i < 15; ++i) {
    const float value = FromE4m3(out[i]) * scale[i / 5];
    EXPECT_EQ(std::isfinite(value), i / 5 == 2) << i;
  }
}

TEST(QuantizeFp8Test, NullArraysAreRefused) {
  Matrix in(2, 5);
  std::vector<uint8_t> out(10);
  std::vector<float> scale(2);

  EXPECT_EQ(QuantizeFp8({nullptr, scale.data(), in.view()}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(QuantizeFp8({out.data(), nullptr, in.view()}).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lockstep::testing
