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

using ::testing::HasSubstr;

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

constexpr int64_t kGap = 6;  // Bytes behind each row of the output.
constexpr uint8_t kGapByte = 0xa5;

struct Quantized {
  // Of [T, K + tail], into rows with a gap.
  Quantized(Matrix& in, int64_t tail, float factor, float least = 1e-12f)
      : cols(in.cols() + 2 * tail),
        out(in.rows() * (cols + kGap), kGapByte),
        scale(in.rows(), -1),
        status(QuantizeFp8({.out = out.data(),
                            .out_stride = cols + kGap,
                            .scale_T = scale.data(),
                            .in = in.view(),
                            .tail = tail,
                            .tail_factor = &factor,
                            .least = least})) {}
  float at(int64_t t, int64_t i) const {
    return FromE4m3(out[t * (cols + kGap) + i]) * scale[t];
  }

  int64_t cols;
  std::vector<uint8_t> out;
  std::vector<float> scale;
  absl::Status status;
};

TEST(QuantizeFp8Test, EachRowIsWithinAStepOfItsLargest) {
  Matrix in = Matrix::Random(13, 57, /*seed=*/1, /*range=*/3);

  const Quantized out(in, /*tail=*/0, /*factor=*/1);

  ASSERT_TRUE(out.status.ok());
  for (int t = 0; t < 13; ++t) {
    float most = 0;
    for (int i = 0; i < 57; ++i) {
      const float value = in.at(t, i);
      most = std::max(most, std::fabs(value));
      EXPECT_LE(
          std::fabs(out.at(t, i) - value),
          std::max(std::fabs(value) / 16, out.scale[t] * 0x1p-10f) * 1.001f);
    }
    EXPECT_EQ(out.scale[t], most / 448);
    for (int64_t i = 57; i < 57 + kGap; ++i) {
      EXPECT_EQ(out.out[t * (57 + kGap) + i], kGapByte);
    }
  }
}

// Of the second number there are seven bits, and one where it is small: down to
// 2^-10 of a scale that makes the largest 448.
TEST(QuantizeFp8Test, ATailIsTheSumOfTwoNumbers) {
  constexpr int64_t kTail = 4;
  Matrix in = Matrix::Random(13, 20 + kTail, /*seed=*/1);

  const Quantized out(in, kTail, /*factor=*/8);

  ASSERT_TRUE(out.status.ok());
  for (int t = 0; t < 13; ++t) {
    float most = 0;
    for (int i = 0; i < 20 + kTail; ++i) {
      most = std::max(most, std::fabs(in.at(t, i)) * (i < 20 ? 1 : 8));
    }
    EXPECT_EQ(out.scale[t], most / 448);
    for (int64_t i = 20; i < 20 + kTail; ++i) {
      const float value = 8 * in.at(t, i), high = out.at(t, i);
      const float step = out.scale[t] * 0x1p-10f;
      EXPECT_LE(std::fabs(high + out.at(t, i + 2 * kTail) - value),
                std::max(std::fabs(value) / 256, step) * 1.001f);
      EXPECT_LE(std::fabs(16 * out.at(t, i + kTail) - high),
                std::max(std::fabs(high) / 16, 16 * step) * 1.001f);
    }
  }
}

TEST(QuantizeFp8Test, ARowOfZerosStaysZero) {
  Matrix in(2, 5);

  const Quantized out(in, /*tail=*/2, /*factor=*/1);

  ASSERT_TRUE(out.status.ok());
  for (int64_t t = 0; t < 2; ++t) {
    for (int64_t i = 0; i < out.cols; ++i) EXPECT_EQ(out.at(t, i), 0);
    EXPECT_GT(out.scale[t], 0);
  }
}

TEST(QuantizeFp8Test, ARowOfLessHasTheScaleOfTheLeast) {
  Matrix in = Matrix::Random(2, 5, /*seed=*/3, /*range=*/1);
  in.at(0, 1) = -4;

  const Quantized out(in, /*tail=*/0, /*factor=*/1, /*least=*/2);

  EXPECT_EQ(out.scale, (std::vector<float>{4.0f / 448, 2.0f / 448}));
}

TEST(QuantizeFp8Test, WhatIsNotFiniteMakesItsRowSo) {
  Matrix in = Matrix::Random(4, 5, /*seed=*/2);
  in.at(0, 2) = std::nanf("");
  in.at(1, 0) = std::numeric_limits<float>::infinity();
  in.at(3, 4) = std::nanf("");

  const Quantized out(in, /*tail=*/2, /*factor=*/1);

  for (int64_t t = 0; t < 4; ++t) {
    for (int64_t i = 0; i < out.cols; ++i) {
      EXPECT_EQ(std::isfinite(out.at(t, i)), t == 2) << t << ", " << i;
    }
  }
}

TEST(QuantizeFp8Test, AFactorThatIsNoNumberIsSeenEverywhere) {
  Matrix in(3, 5);

  const Quantized out(in, /*tail=*/2, std::nanf(""));

  for (int64_t t = 0; t < 3; ++t) {
    for (int64_t i = 0; i < out.cols; ++i) {
      EXPECT_TRUE(std::isnan(out.at(t, i)));
    }
  }
}

TEST(QuantizeFp8Test, WhatDoesNotFitIsRefused) {
  Matrix in(2, 5);
  std::vector<uint8_t> out(2 * 9);
  std::vector<float> scale(2);
  const float factor = 1;
  const QuantizeFp8Args good = {.out = out.data(),
                                .out_stride = 9,
                                .scale_T = scale.data(),
                                .in = in.view(),
                                .tail = 2,
                                .tail_factor = &factor};
  const auto expect = [&](auto change, const char* message) {
    QuantizeFp8Args args = good;
    change(args);
    const absl::Status status = QuantizeFp8(args);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(message));
  };

  EXPECT_TRUE(QuantizeFp8(good).ok());
  expect([](auto& a) { a.out = nullptr; }, "quantize_fp8 out: no data");
  expect([](auto& a) { a.scale_T = nullptr; }, "quantize_fp8 scale: no data");
  expect([](auto& a) { a.tail_factor = nullptr; }, "tail_factor: no data");
  expect([](auto& a) { a.in.stride = 4; }, "quantize_fp8 in: [2, 5]");
  expect([](auto& a) { a.out_stride = 8; },
         "a tail of 2 among 5 columns in rows of 8 bytes");
  expect([](auto& a) { a.tail = 6; }, "a tail of 6 among 5 columns");
  expect([](auto& a) { a.tail = -1; }, "a tail of -1");
}

}  // namespace
}  // namespace lockstep::testing
