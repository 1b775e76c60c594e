// SwiGLU, the bias and dropout.

#include "gtest/gtest.h"
#include "kernels/dropout.h"
#include "kernels/linear_bias.h"
#include "kernels/swiglu.h"
#include "tests/kernels/cuda/cuda_kernel_test.h"

namespace lockstep::testing {
namespace {

class SwigluCudaTest : public CudaKernelTest {};

TEST_P(SwigluCudaTest, ForwardEqualsTheCpu) {
  Matrix gate_up = Random(rows(), 2 * cols(), 1, 4), out(rows(), cols());
  ASSERT_TRUE(SwigluForward(out.view(), gate_up.view()).ok());
  const DeviceMatrix g_gate_up = OnDevice(gate_up), g_out = Output();

  ASSERT_TRUE(SwigluForward(g_out.view(), g_gate_up.view()).ok());

  EXPECT_LT(RelativeError(g_out.Download(), out), Tolerance());
}

TEST_P(SwigluCudaTest, BackwardInPlaceEqualsTheCpu) {
  Matrix gate_up = Random(rows(), 2 * cols(), 2, 4), d_out = Random(3);
  const DeviceMatrix g_gate_up = OnDevice(gate_up), g_d_out = OnDevice(d_out);
  ASSERT_TRUE(SwigluBackward(gate_up.view(), d_out.view(), d_out.view()).ok());

  ASSERT_TRUE(
      SwigluBackward(g_gate_up.view(), g_d_out.view(), g_d_out.view()).ok());

  EXPECT_LT(RelativeError(g_gate_up.Download(), gate_up), Tolerance());
  EXPECT_LT(RelativeError(g_d_out.Download(), d_out), Tolerance());
}

TEST_P(SwigluCudaTest, BackwardWithoutTheActivationIsTheSame) {
  const Matrix gate_up = Random(rows(), 2 * cols(), 4, 4), d_out = Random(5);
  const DeviceMatrix first = OnDevice(gate_up), second = OnDevice(gate_up);
  const DeviceMatrix g_d_out = OnDevice(d_out), activation = Output();

  ASSERT_TRUE(
      SwigluBackward(first.view(), activation.view(), g_d_out.view()).ok());
  ASSERT_TRUE(SwigluBackward(second.view(), {}, g_d_out.view()).ok());

  EXPECT_EQ(first.Download().Values(), second.Download().Values());
  EXPECT_EQ(g_d_out.Download().Values(), d_out.Values());
}

LOCKSTEP_INSTANTIATE_CUDA_TEST(SwigluCudaTest);

class LinearBiasCudaTest : public CudaKernelTest {};

TEST_P(LinearBiasCudaTest, ForwardIsTheCpuRounded) {
  Matrix inout = Random(1), bias = Random(1, cols(), 2);
  const DeviceMatrix g_inout = OnDevice(inout), g_bias = OnDevice(bias);
  ASSERT_TRUE(LinearBiasForward(inout.view(), bias.view()).ok());

  ASSERT_TRUE(LinearBiasForward(g_inout.view(), g_bias.view()).ok());

  EXPECT_EQ(g_inout.Download().Values(), Rounded(inout, dtype()).Values());
}

TEST_P(LinearBiasCudaTest, BackwardEqualsTheCpu) {
  Matrix d_out = Random(3);
  const std::vector<float> before = Random(1, cols(), 4).Values();
  std::vector<float> d_bias = before;
  ASSERT_TRUE(LinearBiasBackward(d_bias.data(), d_out.view()).ok());
  const DeviceMatrix g_d_out = OnDevice(d_out);
  const DeviceArray<float> first(before), second(before);

  ASSERT_TRUE(LinearBiasBackward(first.data(), g_d_out.view()).ok());
  ASSERT_TRUE(LinearBiasBackward(second.data(), g_d_out.view()).ok());

  EXPECT_LT(RelativeError(first.Values(), d_bias), 3e-6);
  EXPECT_EQ(first.Values(), second.Values());
}

LOCKSTEP_INSTANTIATE_CUDA_TEST(LinearBiasCudaTest);

class DropoutCudaTest : public CudaKernelTest {};

TEST_P(DropoutCudaTest, IsTheCpuRounded) {
  for (const double p : {0.0, 0.1, 0.75}) {
    const DropoutMask mask = {.seed = 0x123456789ABCDEF, .offset = 77, .p = p};
    Matrix in = Random(1), out(rows(), cols());
    ASSERT_TRUE(Dropout(out.view(), in.view(), mask).ok());
    const DeviceMatrix g_in = OnDevice(in), g_out = Output();

    ASSERT_TRUE(Dropout(g_out.view(), g_in.view(), mask).ok());
    EXPECT_EQ(g_out.Download().Values(), Rounded(out, dtype()).Values());

    ASSERT_TRUE(Dropout(g_in.view(), g_in.view(), mask).ok());  // In place.
    EXPECT_EQ(g_in.Download().Values(), g_out.Download().Values());
  }
}

LOCKSTEP_INSTANTIATE_CUDA_TEST(DropoutCudaTest);

}  // namespace
}  // namespace lockstep::testing
