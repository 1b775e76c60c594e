#include "kernels/rms_norm.h"

#include <algorithm>
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

constexpr double kEpsilon = 1e-3;

double InverseRms(const Doubles& sum_TD, int64_t t) {
  double squares = 0;
  for (int64_t i = 0; i < sum_TD.cols; ++i) {
    squares += sum_TD.at(t, i) * sum_TD.at(t, i);
  }
  return 1 / std::sqrt(squares / static_cast<double>(sum_TD.cols) + kEpsilon);
}

Doubles NormOracle(const Doubles& sum_TD, const Doubles& weight_D) {
  Doubles out(sum_TD.rows, sum_TD.cols);
  for (int64_t t = 0; t < sum_TD.rows; ++t) {
    const double inv_rms = InverseRms(sum_TD, t);
    for (int64_t i = 0; i < sum_TD.cols; ++i) {
      out.at(t, i) = sum_TD.at(t, i) * inv_rms * weight_D.at(0, i);
    }
  }
  return out;
}

struct NormGradients {
  Doubles d_in;
  Doubles d_weight;
};

NormGradients GradientOracle(const Doubles& sum_TD, const Doubles& weight_D,
                             const Doubles& d_out_TD) {
  const int64_t cols = sum_TD.cols;
  NormGradients result = {Doubles(sum_TD.rows, cols), Doubles(1, cols)};
  for (int64_t t = 0; t < sum_TD.rows; ++t) {
    const double inv_rms = InverseRms(sum_TD, t);
    double mean = 0;
    for (int64_t i = 0; i < cols; ++i) {
      const double n = sum_TD.at(t, i) * inv_rms;
      mean +=
          d_out_TD.at(t, i) * weight_D.at(0, i) * n / static_cast<double>(cols);
      result.d_weight.at(0, i) += d_out_TD.at(t, i) * n;
    }
    for (int64_t i = 0; i < cols; ++i) {
      const double n = sum_TD.at(t, i) * inv_rms;
      result.d_in.at(t, i) =
          inv_rms * (d_out_TD.at(t, i) * weight_D.at(0, i) - n * mean);
    }
  }
  return result;
}

void Add(Doubles& to, const Doubles& from) {
  for (size_t i = 0; i < to.values.size(); ++i) to.values[i] += from.values[i];
}

// All the tensors of a norm over [rows, cols].
struct Norm {
  Norm(int64_t rows, int64_t cols)
      : in(Matrix::Random(rows, cols, 1)),
        delta(Matrix::Random(rows, cols, 2)),
        weight(Matrix::Random(1, cols, 3)),
        d_out(Matrix::Random(rows, cols, 4)),
        residual(Matrix::Random(rows, cols, 5)),
        out(rows, cols),
        sum(rows, cols),
        d_in(rows, cols),
        d_weight(1, cols),
        inv_rms(rows) {}

  RmsNormForwardArgs forward() {
    return {.out_TD = out.view(),
            .sum_TD = sum.view(),
            .inv_rms_T = inv_rms.data(),
            .in_TD = in.view(),
            .delta_TD = delta.view(),
            .weight_D = weight.view(),
            .epsilon = kEpsilon};
  }
  RmsNormBackwardArgs backward() {
    return {.d_in_TD = d_in.view(),
            .d_weight_D = d_weight.data(),
            .d_out_TD = d_out.view(),
            .sum_TD = sum.view(),
            .inv_rms_T = inv_rms.data(),
            .weight_D = weight.view(),
            .d_residual_TD = residual.view()};
  }
  Doubles ExpectedSum() const {
    Doubles expected = in.ToDoubles();
    Add(expected, delta.ToDoubles());
    return expected;
  }

  Matrix in, delta, weight, d_out, residual, out, sum, d_in, d_weight;
  std::vector<float> inv_rms;
};

class RmsNormTest : public KernelTest {};
LOCKSTEP_INSTANTIATE_KERNEL_TEST(RmsNormTest);

TEST_P(RmsNormTest, EqualsTheOracleInBothDirections) {
  for (const int64_t cols : {1, 3, 16, 37, 64, 129}) {
    SCOPED_TRACE(cols);
    Norm norm(5, cols);
    norm.d_weight.at(0, 0) = 2;  // Added to.
    ASSERT_TRUE(RmsNormForward(norm.forward()).ok());
    ASSERT_TRUE(RmsNormBackward(norm.backward()).ok());

    const Doubles sum = norm.ExpectedSum(), weight = norm.weight.ToDoubles();
    NormGradients expected =
        GradientOracle(sum, weight, norm.d_out.ToDoubles());
    Add(expected.d_in, norm.residual.ToDoubles());
    expected.d_weight.at(0, 0) += 2;
    EXPECT_LT(RelativeError(norm.sum, sum), 1e-7);
    EXPECT_LT(RelativeError(norm.out, NormOracle(sum, weight)), 1e-6);
    EXPECT_LT(RelativeError(norm.d_in, expected.d_in), 1e-6);
    EXPECT_LT(RelativeError(norm.d_weight, expected.d_weight), 1e-6);
    for (const Matrix* matrix : {&norm.out, &norm.sum, &norm.d_in}) {
      EXPECT_TRUE(matrix->TailsAreUntouched());
    }
  }
}

TEST(RmsNormOracleTest, GradientEqualsFiniteDifferences) {
  const Doubles sum = Matrix::Random(3, 7, 1).ToDoubles();
  const Doubles weight = Matrix::Random(1, 7, 2).ToDoubles();
  const Doubles d_out = Matrix::Random(3, 7, 3).ToDoubles();

  const NormGradients gradients = GradientOracle(sum, weight, d_out);

  EXPECT_LT(RelativeError(gradients.d_in,
                          FiniteDifferences(
                              sum,
                              [&](const Doubles& moved) {
                                return Dot(NormOracle(moved, weight), d_out);
                              })),
            1e-8);
  EXPECT_LT(RelativeError(gradients.d_weight,
                          FiniteDifferences(weight,
                                            [&](const Doubles& moved) {
                                              return Dot(NormOracle(sum, moved),
                                                         d_out);
                                            })),
            1e-8);
}

TEST_P(RmsNormTest, WithoutDeltaNormsItsInputAndLeavesTheSum) {
  Norm norm(4, 37);
  RmsNormForwardArgs args = norm.forward();
  args.delta_TD = {};
  args.sum_TD = {};
  ASSERT_TRUE(RmsNormForward(args).ok());

  EXPECT_LT(RelativeError(norm.out, NormOracle(norm.in.ToDoubles(),
                                               norm.weight.ToDoubles())),
            1e-6);
  EXPECT_EQ(norm.sum.Values(), std::vector<float>(4 * 37, 0.0f));
}

TEST_P(RmsNormTest, InPlaceGivesTheSameBits) {
  Norm norm(4, 37), in_place(4, 37);
  ASSERT_TRUE(RmsNormForward(norm.forward()).ok());
  ASSERT_TRUE(RmsNormBackward(norm.backward()).ok());
  RmsNormForwardArgs forward = in_place.forward();
  forward.sum_TD = in_place.delta.view();
  ASSERT_TRUE(RmsNormForward(forward).ok());
  RmsNormBackwardArgs backward = in_place.backward();
  backward.sum_TD = in_place.delta.view();
  backward.d_in_TD = in_place.d_out.view();
  ASSERT_TRUE(RmsNormBackward(backward).ok());

  EXPECT_EQ(in_place.delta.Values(), norm.sum.Values());
  EXPECT_EQ(in_place.d_out.Values(), norm.d_in.Values());
  EXPECT_EQ(in_place.d_weight.Values(), norm.d_weight.Values());

  Norm residual(4, 37);
  ASSERT_TRUE(RmsNormForward(residual.forward()).ok());
  backward = residual.backward();
  backward.d_in_TD = residual.residual.view();
  ASSERT_TRUE(RmsNormBackward(backward).ok());
  EXPECT_EQ(residual.residual.Values(), norm.d_in.Values());
}

TEST_P(RmsNormTest, AFrozenWeightHasNoGradient) {
  Norm norm(4, 37);
  ASSERT_TRUE(RmsNormForward(norm.forward()).ok());
  RmsNormBackwardArgs args = norm.backward();
  args.d_weight_D = nullptr;
  args.d_residual_TD = {};
  ASSERT_TRUE(RmsNormBackward(args).ok());

  EXPECT_LT(RelativeError(norm.d_in, GradientOracle(norm.ExpectedSum(),
                                                    norm.weight.ToDoubles(),
                                                    norm.d_out.ToDoubles())
                                         .d_in),
            1e-6);
}

TEST(RmsNormErrorsTest, NameTheTensor) {
  Norm norm(4, 8);
  const auto expect = [](const absl::Status& status, const char* message) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(message));
  };
  RmsNormForwardArgs forward = norm.forward();
  forward.out_TD.rows = 3;
  expect(RmsNormForward(forward), "rms_norm out: [3, 8]");
  forward = norm.forward();
  forward.in_TD.stride = 7;
  expect(RmsNormForward(forward), "rms_norm in: [4, 8] with stride 7");
  forward = norm.forward();
  forward.weight_D.cols = 7;
  expect(RmsNormForward(forward), "rms_norm weight");
  forward = norm.forward();
  forward.sum_TD = {};
  expect(RmsNormForward(forward), "rms_norm sum");
  forward = norm.forward();
  forward.inv_rms_T = nullptr;
  expect(RmsNormForward(forward), "rms_norm inv_rms");
  RmsNormBackwardArgs backward = norm.backward();
  backward.d_residual_TD.cols = 9;
  expect(RmsNormBackward(backward), "rms_norm d_residual");
  backward = norm.backward();
  backward.d_in_TD = {};
  expect(RmsNormBackward(backward), "rms_norm d_in");
}

// A buffer for the most tokens serves fewer.
TEST(RmsNormScratchTest, GrowsWithTheTokensUpToFourMiB) {
  for (const int64_t d : {1, 33, 4096, 3584, 1 << 20, 3 << 20}) {
    int64_t last = 0;
    for (const int64_t t : {0, 1, 8, 9, 100, 4096, 8192, 1 << 20}) {
      const int64_t partials = RmsNormBackwardPartials(t, d);
      EXPECT_GE(partials, 1);
      EXPECT_LE(partials, std::max<int64_t>(t, 1)) << t << " " << d;
      EXPECT_EQ(RmsNormBackwardScratch(t, d), partials * d);
      EXPECT_GE(partials, last);
      EXPECT_LE(partials * d, std::max<int64_t>(1 << 20, d));
      last = partials;
    }
  }
  EXPECT_EQ(RmsNormBackwardPartials(8192, 4096), 256);
  EXPECT_EQ(RmsNormBackwardPartials(8192, 3584), 292);
  EXPECT_EQ(RmsNormBackwardPartials(17, 8), 3);
}

}  // namespace
}  // namespace lockstep::testing
