#include "kernels/fp8_tail.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/fp8.h"
#include "kernels/quantize_fp8.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kIn = 40;
constexpr int64_t kRank = 5;

TEST(Fp8TailFactorTest, IsTheNextPowerOfTwoUpToSixtyFour) {
  EXPECT_EQ(Fp8TailFactor(0), 1);
  EXPECT_EQ(Fp8TailFactor(1), 1);
  EXPECT_EQ(Fp8TailFactor(1.1f), 2);
  EXPECT_EQ(Fp8TailFactor(64), 64);
  EXPECT_EQ(Fp8TailFactor(64 * 448), 64);
}

TEST(Fp8TailFactorTest, LeavesNothingAboveTheLargestOfTheFormat) {
  EXPECT_EQ(Fp8TailFactor(64 * 448 + 1), 128);
  EXPECT_EQ(Fp8TailFactor(0x1p30f), 0x1p22f);
  const float most = Fp8TailFactor(3e38f);
  EXPECT_LE(3e38f / most, 448);
  EXPECT_TRUE(std::isfinite(most));
}

TEST(Fp8TailFactorTest, IsNoNumberOfWhatIsNotFinite) {
  EXPECT_TRUE(std::isnan(Fp8TailFactor(std::nanf(""))));
  EXPECT_TRUE(
      std::isnan(Fp8TailFactor(std::numeric_limits<float>::infinity())));
}

// [W | B] in FP8: W of kIn columns with a scale for each row, B behind it.
struct Weights {
  Weights(Matrix w, Matrix b)
      : rows(w.rows()),
        rank(b.cols()),
        stride(kIn + 3 * rank + 2),
        bytes(rows * stride, 0xa5),
        scale(rows, -1),
        factor(kFp8TailFactorFloats, -1) {
    float largest = 0;
    for (const float value : w.Values()) {
      largest = LargerMagnitude(largest, value);
    }
    EXPECT_TRUE(QuantizeFp8({.out = bytes.data(),
                             .out_stride = stride,
                             .scale_T = scale.data(),
                             .in = w.view(),
                             .least = std::max(1e-12f, largest * 0x1p-8f)})
                    .ok());
    const Fp8Tail tail = TailOf(b);
    EXPECT_TRUE(PackFp8Tails({&tail, 1}).ok());
  }
  Fp8Tail TailOf(Matrix& b) {
    return {.out = bytes.data() + kIn,
            .out_stride = stride,
            .factor = factor.data(),
            .in = b.view(),
            .scale_N = scale.data()};
  }
  double at(int64_t n, int64_t i) const {
    return static_cast<double>(FromE4m3(bytes[n * stride + i])) * scale[n];
  }

  int64_t rows, rank, stride;
  std::vector<uint8_t> bytes;
  std::vector<float> scale, factor;
};

// What the tails add to a product: h B^T, but for what FP8 takes from it.
Doubles TailsOfProduct(const Matrix& x, const Matrix& h,
                       const Weights& weights) {
  Matrix in(x.rows(), kIn + weights.rank);
  for (int64_t t = 0; t < x.rows(); ++t) {
    for (int64_t i = 0; i < kIn; ++i) in.at(t, i) = x.at(t, i);
    for (int64_t r = 0; r < weights.rank; ++r) in.at(t, kIn + r) = h.at(t, r);
  }
  std::vector<uint8_t> bytes(x.rows() * weights.stride);
  std::vector<float> scale(x.rows());
  EXPECT_TRUE(QuantizeFp8({.out = bytes.data(),
                           .out_stride = weights.stride,
                           .scale_T = scale.data(),
                           .in = in.view(),
                           .tail = weights.rank,
                           .tail_factor = weights.factor.data()})
                  .ok());
  Doubles product(x.rows(), weights.rows);
  for (int64_t t = 0; t < x.rows(); ++t) {
    for (int64_t n = 0; n < weights.rows; ++n) {
      for (int64_t i = kIn; i < kIn + 3 * weights.rank; ++i) {
        product.at(t, n) += FromE4m3(bytes[t * weights.stride + i]) *
                            static_cast<double>(scale[t]) * weights.at(n, i);
      }
    }
  }
  return product;
}

Doubles Exact(const Matrix& h, const Matrix& b) {
  Doubles product(h.rows(), b.rows());
  for (int64_t t = 0; t < h.rows(); ++t) {
    for (int64_t n = 0; n < b.rows(); ++n) {
      for (int64_t r = 0; r < h.cols(); ++r) {
        product.at(t, n) += double{h.at(t, r)} * b.at(n, r);
      }
    }
  }
  return product;
}

struct Sizes {
  float x = 3;
  float h = 1;
  float w = 0.05f;
  float b = 0.005f;
};

double ErrorOf(const Sizes& sizes) {
  const Matrix x = Matrix::Random(31, kIn, 1, sizes.x);
  const Matrix h = Matrix::Random(31, kRank, 2, sizes.h);
  const Matrix w = Matrix::Random(23, kIn, 3, sizes.w);
  const Matrix b = Matrix::Random(23, kRank, 4, sizes.b);
  return RelativeError(TailsOfProduct(x, h, Weights(w, b)), Exact(h, b));
}

// What bfloat16 has is 2^-9 of each number.
TEST(Fp8TailTest, AddsTheProductOfTheAdapters) {
  EXPECT_LT(ErrorOf({}), 0.003);
}

TEST(Fp8TailTest, HoldsAdaptersOfAnySizeBesideTheirMatrix) {
  EXPECT_LT(ErrorOf({.b = 1e-4f}), 0.003);
  EXPECT_LT(ErrorOf({.b = 1}), 0.003);
  EXPECT_LT(ErrorOf({.b = 1e4f}), 0.003);
  EXPECT_LT(ErrorOf({.w = 0.02f, .b = 1e-6f}), 0.01);
}

TEST(Fp8TailTest, HoldsHiddenColumnsOfAnySizeBesideTheirInput) {
  EXPECT_LT(ErrorOf({.h = 1000}), 0.003);
  EXPECT_LT(ErrorOf({.h = 0.05f}), 0.003);
  EXPECT_LT(ErrorOf({.x = 300}), 0.003);
  EXPECT_LT(ErrorOf({.h = 1e-3f}), 0.01);
  EXPECT_LT(ErrorOf({.x = 0}), 0.003);
}

TEST(Fp8TailTest, AMatrixOfZerosHoldsThemToo) {
  EXPECT_LT(ErrorOf({.w = 0}), 0.003);
}

TEST(Fp8TailTest, RowsOfZerosTakeNothingFromTheOthers) {
  const Matrix x = Matrix::Random(31, kIn, 1);
  const Matrix h = Matrix::Random(31, kRank, 2);
  const Matrix b = Matrix::Random(23, kRank, 4, 0.005f);
  Matrix w = Matrix::Random(23, kIn, 3, 0.05f);
  for (int64_t i = 0; i < kIn; ++i) w.at(7, i) = 0;

  const Weights weights(w, b);

  EXPECT_LT(RelativeError(TailsOfProduct(x, h, weights), Exact(h, b)), 0.003);
  EXPECT_LE(weights.factor[0], 64);
}

TEST(Fp8TailTest, AdaptersOfZerosAreZeros) {
  const Weights weights(Matrix::Random(6, kIn, 3), Matrix(6, kRank));

  EXPECT_EQ(weights.factor[0], 1);
  for (int64_t n = 0; n < 6; ++n) {
    for (int64_t i = kIn; i < kIn + 3 * kRank; ++i) {
      EXPECT_EQ(weights.at(n, i), 0);
    }
  }
}

TEST(Fp8TailTest, WritesTheTailAlone) {
  const Matrix w = Matrix::Random(6, kIn, 3);
  const Weights zeros(w, Matrix(6, kRank));
  const Weights weights(w, Matrix::Random(6, kRank, 4));

  for (int64_t n = 0; n < 6; ++n) {
    for (int64_t i = 0; i < weights.stride; ++i) {
      if (i >= kIn && i < kIn + 3 * kRank) continue;
      const int64_t at = n * weights.stride + i;
      EXPECT_EQ(weights.bytes[at], zeros.bytes[at]);
    }
  }
}

TEST(Fp8TailTest, ATransposedMatrixIsTheSame) {
  Matrix b = Matrix::Random(6, kRank, 4), transposed(kRank, 6);
  for (int64_t n = 0; n < 6; ++n) {
    for (int64_t r = 0; r < kRank; ++r) transposed.at(r, n) = b.at(n, r);
  }
  const Weights expected(Matrix::Random(6, kIn, 3), b);
  Weights weights(Matrix::Random(6, kIn, 3), Matrix(6, kRank));
  Fp8Tail tail = weights.TailOf(transposed);
  tail.transposed = true;

  ASSERT_TRUE(PackFp8Tails({&tail, 1}).ok());

  EXPECT_EQ(weights.bytes, expected.bytes);
  EXPECT_EQ(weights.factor[0], expected.factor[0]);
}

TEST(Fp8TailTest, WhatIsNotFiniteIsSeen) {
  for (const float bad :
       {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    Matrix b = Matrix::Random(6, kRank, 4);
    b.at(4, 1) = bad;

    const Weights weights(Matrix::Random(6, kIn, 3), b);

    EXPECT_TRUE(std::isnan(weights.factor[0]));
    EXPECT_TRUE(std::isnan(weights.at(2, kIn + kRank)));
    const Matrix x = Matrix::Random(3, kIn, 5), h(3, kRank);
    const Doubles product = TailsOfProduct(x, h, weights);
    for (const double value : product.values) EXPECT_TRUE(std::isnan(value));
  }
}

TEST(Fp8TailTest, WhatDoesNotFitIsRefused) {
  Matrix b(6, kRank);
  Weights weights(Matrix(6, kIn), b);
  const auto expect = [&](auto change, const char* message) {
    Fp8Tail tail = weights.TailOf(b);
    change(tail);
    const absl::Status status = PackFp8Tails({&tail, 1});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(message));
  };

  expect([](auto& t) { t.out = nullptr; }, "fp8_tail out: no data");
  expect([](auto& t) { t.factor = nullptr; }, "fp8_tail factor: no data");
  expect([](auto& t) { t.scale_N = nullptr; }, "fp8_tail scale: no data");
  expect([](auto& t) { t.in.stride = 3; }, "fp8_tail in: [6, 5]");
  expect([](auto& t) { t.out_stride = 14; },
         "rows of 14 bytes do not hold 3 times a tail of 5");
  EXPECT_TRUE(PackFp8Tails({}).ok());
}

}  // namespace
}  // namespace lockstep::testing
