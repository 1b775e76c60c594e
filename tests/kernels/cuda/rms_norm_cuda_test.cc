#include "kernels/rms_norm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "tests/kernels/cuda/cuda_kernel_test.h"

namespace lockstep::testing {
namespace {

constexpr double kEpsilon = 1e-5;

class RmsNormCudaTest : public CudaKernelTest {};

struct Normed {
  Matrix out, sum;
  std::vector<float> inv_rms;
};

TEST_P(RmsNormCudaTest, ForwardWithTheResidualEqualsTheCpu) {
  Matrix in = Random(1), delta = Random(2), weight = Random(1, cols(), 3);
  Matrix out(rows(), cols()), sum(rows(), cols());
  std::vector<float> inv_rms(rows());
  ASSERT_TRUE(RmsNormForward({.out_TD = out.view(),
                              .sum_TD = sum.view(),
                              .inv_rms_T = inv_rms.data(),
                              .in_TD = in.view(),
                              .delta_TD = delta.view(),
                              .weight_D = weight.view(),
                              .epsilon = kEpsilon})
                  .ok());
  const auto run = [&]() -> Normed {
    const DeviceMatrix d_in = OnDevice(in), d_delta = OnDevice(delta);
    const DeviceMatrix d_weight = OnDevice(weight), d_out = Output();
    const DeviceArray<float> d_inv_rms(std::vector<float>(rows(), -1));
    EXPECT_TRUE(RmsNormForward({.out_TD = d_out.view(),
                                .sum_TD = d_in.view(),  // In place.
                                .inv_rms_T = d_inv_rms.data(),
                                .in_TD = d_in.view(),
                                .delta_TD = d_delta.view(),
                                .weight_D = d_weight.view(),
                                .epsilon = kEpsilon})
                    .ok());
    return {d_out.Download(), d_in.Download(), d_inv_rms.Values()};
  };

  const Normed first = run(), second = run();

  EXPECT_LT(RelativeError(first.out, out), Tolerance());
  EXPECT_EQ(first.sum.Values(), Rounded(sum, dtype()).Values());
  EXPECT_LT(RelativeError(first.inv_rms, inv_rms), Tolerance());
  EXPECT_EQ(first.out.Values(), second.out.Values());
  EXPECT_EQ(first.inv_rms, second.inv_rms);
}

TEST_P(RmsNormCudaTest, ForwardAloneEqualsTheCpu) {
  Matrix in = Random(4), weight = Random(1, cols(), 5), out(rows(), cols());
  std::vector<float> inv_rms(rows());
  ASSERT_TRUE(RmsNormForward({.out_TD = out.view(),
                              .inv_rms_T = inv_rms.data(),
                              .in_TD = in.view(),
                              .weight_D = weight.view(),
                              .epsilon = kEpsilon})
                  .ok());
  const DeviceMatrix d_in = OnDevice(in), d_weight = OnDevice(weight);
  const DeviceMatrix d_out = Output();
  const DeviceArray<float> d_inv_rms(std::vector<float>(rows(), -1));

  ASSERT_TRUE(RmsNormForward({.out_TD = d_out.view(),
                              .inv_rms_T = d_inv_rms.data(),
                              .in_TD = d_in.view(),
                              .weight_D = d_weight.view(),
                              .epsilon = kEpsilon})
                  .ok());

  EXPECT_LT(RelativeError(d_out.Download(), out), Tolerance());
  EXPECT_LT(RelativeError(d_inv_rms.Values(), inv_rms), 3e-6);
}

// Nothing is expected there, and nothing may be written behind it.
class Scratch {
 public:
  Scratch(int64_t rows, int64_t cols)
      : size_(RmsNormBackwardScratch(rows, cols)),
        floats_(std::vector<float>(size_ + kBehind, kNaN)) {}

  float* data() const { return floats_.data(); }
  bool ends_as_it_was() const {
    const std::vector<float> values = floats_.Values();
    return std::all_of(values.begin() + size_, values.end(),
                       [](float value) { return std::isnan(value); });
  }

 private:
  static constexpr int64_t kBehind = 64;
  static constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

  int64_t size_;
  DeviceArray<float> floats_;
};

struct Gradients {
  Matrix d_in;
  std::vector<float> d_weight;
};

TEST_P(RmsNormCudaTest, BackwardInPlaceEqualsTheCpu) {
  Matrix sum = Random(6), d_out = Random(7), residual = Random(8);
  Matrix weight = Random(1, cols(), 9), d_in(rows(), cols());
  std::vector<float> inv_rms, d_weight = Random(1, cols(), 10).Values();
  for (int64_t t = 0; t < rows(); ++t) inv_rms.push_back(0.5f + t % 7 * 0.25f);
  const std::vector<float> before = d_weight;
  ASSERT_TRUE(RmsNormBackward({.d_in_TD = d_in.view(),
                               .d_weight_D = d_weight.data(),
                               .d_out_TD = d_out.view(),
                               .sum_TD = sum.view(),
                               .inv_rms_T = inv_rms.data(),
                               .weight_D = weight.view(),
                               .d_residual_TD = residual.view()})
                  .ok());
  const DeviceMatrix g_sum = OnDevice(sum), g_weight = OnDevice(weight);
  const DeviceMatrix g_residual = OnDevice(residual);
  const DeviceArray<float> g_inv_rms(inv_rms);
  const auto run = [&]() -> Gradients {
    const DeviceMatrix g_d_out = OnDevice(d_out);
    const DeviceArray<float> g_d_weight(before);
    const Scratch scratch(rows(), cols());
    EXPECT_TRUE(RmsNormBackward({.d_in_TD = g_d_out.view(),
                                 .d_weight_D = g_d_weight.data(),
                                 .d_out_TD = g_d_out.view(),
                                 .sum_TD = g_sum.view(),
                                 .inv_rms_T = g_inv_rms.data(),
                                 .weight_D = g_weight.view(),
                                 .d_residual_TD = g_residual.view(),
                                 .scratch = scratch.data()})
                    .ok());
    EXPECT_TRUE(scratch.ends_as_it_was());
    return {g_d_out.Download(), g_d_weight.Values()};
  };

  const Gradients first = run(), second = run();

  EXPECT_LT(RelativeError(first.d_in, d_in), Tolerance());
  EXPECT_LT(RelativeError(first.d_weight, d_weight), 3e-6);
  EXPECT_EQ(first.d_in.Values(), second.d_in.Values());
  EXPECT_EQ(first.d_weight, second.d_weight);
}

TEST_P(RmsNormCudaTest, BackwardOfAFrozenWeightEqualsTheCpu) {
  Matrix sum = Random(11), d_out = Random(12), d_in(rows(), cols());
  Matrix weight = Random(1, cols(), 13);
  std::vector<float> inv_rms(rows(), 1.25f);
  ASSERT_TRUE(RmsNormBackward({.d_in_TD = d_in.view(),
                               .d_out_TD = d_out.view(),
                               .sum_TD = sum.view(),
                               .inv_rms_T = inv_rms.data(),
                               .weight_D = weight.view()})
                  .ok());
  const DeviceMatrix g_sum = OnDevice(sum), g_weight = OnDevice(weight);
  const DeviceMatrix g_d_out = OnDevice(d_out), g_d_in = Output();
  const DeviceArray<float> g_inv_rms(inv_rms);

  ASSERT_TRUE(RmsNormBackward({.d_in_TD = g_d_in.view(),
                               .d_out_TD = g_d_out.view(),
                               .sum_TD = g_sum.view(),
                               .inv_rms_T = g_inv_rms.data(),
                               .weight_D = g_weight.view()})
                  .ok());

  EXPECT_LT(RelativeError(g_d_in.Download(), d_in), Tolerance());
}

LOCKSTEP_INSTANTIATE_CUDA_TEST(RmsNormCudaTest);

struct Shape {
  int64_t rows, cols;
};

class RmsNormTrainedCudaTest : public ::testing::TestWithParam<Shape> {};

// Blocks have many rows, of which the last has fewer; the widest rows that a
// block of many takes, and the next; with and without a residual, in place of
// which the result is.
TEST_P(RmsNormTrainedCudaTest, BackwardEqualsTheCpu) {
  const auto [rows, cols] = GetParam();
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const bool has_residual : {false, true}) {
      Matrix sum = Rounded(Matrix::Random(rows, cols, 1), dtype);
      Matrix d_out = Rounded(Matrix::Random(rows, cols, 2), dtype);
      Matrix residual = Rounded(Matrix::Random(rows, cols, 3), dtype);
      Matrix weight = Rounded(Matrix::Random(1, cols, 4), dtype);
      std::vector<float> inv_rms;
      for (int64_t t = 0; t < rows; ++t) inv_rms.push_back(0.5f + t % 9 * 0.2f);
      const DeviceMatrix g_sum(sum, dtype, 0), g_d_out(d_out, dtype, 8);
      const DeviceMatrix g_d_in(residual, dtype, 8), g_weight(weight, dtype, 0);
      const DeviceArray<float> g_inv_rms(inv_rms);
      std::vector<float> d_weight(cols, 1);
      const DeviceArray<float> g_d_weight(d_weight);
      const Scratch scratch(rows, cols);
      RmsNormBackwardArgs args = {.d_in_TD = residual.view(),
                                  .d_weight_D = d_weight.data(),
                                  .d_out_TD = d_out.view(),
                                  .sum_TD = sum.view(),
                                  .inv_rms_T = inv_rms.data(),
                                  .weight_D = weight.view()};
      if (has_residual) args.d_residual_TD = residual.view();
      ASSERT_TRUE(RmsNormBackward(args).ok());
      args = {.d_in_TD = g_d_in.view(),
              .d_weight_D = g_d_weight.data(),
              .d_out_TD = g_d_out.view(),
              .sum_TD = g_sum.view(),
              .inv_rms_T = g_inv_rms.data(),
              .weight_D = g_weight.view(),
              .scratch = scratch.data()};
      if (has_residual) args.d_residual_TD = g_d_in.view();

      ASSERT_TRUE(RmsNormBackward(args).ok());

      EXPECT_LT(RelativeError(g_d_in.Download(), residual),
                dtype == DType::kBFloat16 ? 4e-3 : 3e-6);
      EXPECT_LT(RelativeError(g_d_weight.Values(), d_weight), 1e-5);
      EXPECT_TRUE(scratch.ends_as_it_was());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, RmsNormTrainedCudaTest,
                         ::testing::Values(Shape{2500, 896}, Shape{3001, 4096},
                                           Shape{1100, 3584}, Shape{70, 8192},
                                           Shape{70, 8200}, Shape{9, 1023}));

}  // namespace
}  // namespace lockstep::testing
