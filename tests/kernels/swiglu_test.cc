#include "kernels/swiglu.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

Doubles Oracle(const Doubles& gate_up) {
  const int64_t cols = gate_up.cols / 2;
  Doubles out(gate_up.rows, cols);
  for (int64_t t = 0; t < gate_up.rows; ++t) {
    for (int64_t i = 0; i < cols; ++i) {
      const double gate = gate_up.at(t, i);
      out.at(t, i) = gate / (1 + std::exp(-gate)) * gate_up.at(t, cols + i);
    }
  }
  return out;
}

Doubles GradientOracle(const Doubles& gate_up, const Doubles& d_out) {
  const int64_t cols = d_out.cols;
  Doubles gradient(gate_up.rows, gate_up.cols);
  for (int64_t t = 0; t < gate_up.rows; ++t) {
    for (int64_t i = 0; i < cols; ++i) {
      const double gate = gate_up.at(t, i), up = gate_up.at(t, cols + i);
      const double s = 1 / (1 + std::exp(-gate));
      gradient.at(t, i) = d_out.at(t, i) * up * s * (1 + gate * (1 - s));
      gradient.at(t, cols + i) = d_out.at(t, i) * gate * s;
    }
  }
  return gradient;
}

class SwigluTest : public KernelTest {};
LOCKSTEP_INSTANTIATE_KERNEL_TEST(SwigluTest);

TEST_P(SwigluTest, EqualsTheOracleInBothDirections) {
  for (const int64_t cols : {1, 7, 16, 43, 172}) {
    SCOPED_TRACE(cols);
    Matrix gate_up = Matrix::Random(5, 2 * cols, 1, 8);
    Matrix d_out = Matrix::Random(5, cols, 2);
    Matrix out(5, cols), again(5, cols);
    const Doubles before = gate_up.ToDoubles();
    ASSERT_TRUE(SwigluForward(out.view(), gate_up.view()).ok());
    ASSERT_TRUE(
        SwigluBackward(gate_up.view(), again.view(), d_out.view()).ok());

    EXPECT_LT(RelativeError(out, Oracle(before)), 1e-6);
    EXPECT_EQ(again.Values(), out.Values());
    EXPECT_LT(RelativeError(gate_up, GradientOracle(before, d_out.ToDoubles())),
              1e-6);
    for (const Matrix* matrix : {&out, &again, &gate_up, &d_out}) {
      EXPECT_TRUE(matrix->TailsAreUntouched());
    }
  }
}

TEST(SwigluOracleTest, GradientEqualsFiniteDifferences) {
  const Doubles gate_up = Matrix::Random(3, 10, 1, 4).ToDoubles();
  const Doubles d_out = Matrix::Random(3, 5, 2).ToDoubles();

  const Doubles expected = FiniteDifferences(
      gate_up, [&](const Doubles& moved) { return Dot(Oracle(moved), d_out); });

  EXPECT_LT(RelativeError(GradientOracle(gate_up, d_out), expected), 1e-8);
}

TEST_P(SwigluTest, TheActivationMayReplaceItsGradient) {
  Matrix gate_up = Matrix::Random(5, 86, 1), same = Matrix::Random(5, 86, 1);
  Matrix d_out = Matrix::Random(5, 43, 2), both = Matrix::Random(5, 43, 2);
  Matrix activation(5, 43);
  ASSERT_TRUE(
      SwigluBackward(gate_up.view(), activation.view(), d_out.view()).ok());
  ASSERT_TRUE(SwigluBackward(same.view(), both.view(), both.view()).ok());

  EXPECT_EQ(same.Values(), gate_up.Values());
  EXPECT_EQ(both.Values(), activation.Values());
}

TEST_P(SwigluTest, TheActivationIsOptional) {
  Matrix gate_up = Matrix::Random(5, 86, 1), same = Matrix::Random(5, 86, 1);
  Matrix d_out = Matrix::Random(5, 43, 2), activation(5, 43);
  ASSERT_TRUE(SwigluBackward(gate_up.view(), {}, d_out.view()).ok());
  ASSERT_TRUE(
      SwigluBackward(same.view(), activation.view(), d_out.view()).ok());

  EXPECT_EQ(same.Values(), gate_up.Values());
}

TEST_P(SwigluTest, LargeGatesSaturate) {
  Matrix gate_up(1, 4, 0), out(1, 2, 0), d_out(1, 2, 0);
  gate_up.at(0, 0) = 1e4;
  gate_up.at(0, 1) = -1e4;
  gate_up.at(0, 2) = gate_up.at(0, 3) = d_out.at(0, 0) = d_out.at(0, 1) = 1;
  ASSERT_TRUE(SwigluForward(out.view(), gate_up.view()).ok());
  EXPECT_EQ(out.at(0, 0), 1e4f);
  EXPECT_NEAR(out.at(0, 1), 0, 1e-30);
  ASSERT_TRUE(SwigluBackward(gate_up.view(), {}, d_out.view()).ok());
  EXPECT_EQ(gate_up.at(0, 0), 1);
  EXPECT_NEAR(gate_up.at(0, 1), 0, 1e-30);
}

TEST(SwigluErrorsTest, NameTheTensor) {
  Matrix gate_up(2, 8), out(2, 4), small(2, 3);
  EXPECT_THAT(SwigluForward(small.view(), gate_up.view()).message(),
              HasSubstr("swiglu gate_up: [2, 8] with stride 11 where [2, 6]"));
  EXPECT_THAT(
      SwigluBackward(gate_up.view(), small.view(), out.view()).message(),
      HasSubstr("swiglu activation"));
  TensorView null = out.view();
  null.data = nullptr;
  EXPECT_EQ(SwigluForward(null, gate_up.view()).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SwigluBackward(gate_up.view(), {}, null).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lockstep::testing
