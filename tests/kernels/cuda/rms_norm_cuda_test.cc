#include "kernels/rms_norm.h"

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
    EXPECT_TRUE(RmsNormBackward({.d_in_TD = g_d_out.view(),
                                 .d_weight_D = g_d_weight.data(),
                                 .d_out_TD = g_d_out.view(),
                                 .sum_TD = g_sum.view(),
                                 .inv_rms_T = g_inv_rms.data(),
                                 .weight_D = g_weight.view(),
                                 .d_residual_TD = g_residual.view()})
                    .ok());
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

}  // namespace
}  // namespace lockstep::testing
