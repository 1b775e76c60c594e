#include "kernels/quantize_fp8.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "tests/kernels/cuda/cuda_kernel_test.h"

namespace lockstep::testing {
namespace {

class QuantizeFp8CudaTest : public CudaKernelTest {
 protected:
  // Both twins on the same rows: bytes and scales are equal.
  void ExpectTheCpus(Matrix in) const {
    const int64_t size = in.rows() * in.cols();
    std::vector<uint8_t> out(size);
    std::vector<float> scale(in.rows());
    ASSERT_TRUE(QuantizeFp8({out.data(), scale.data(), in.view()}).ok());
    const DeviceMatrix g_in = OnDevice(in);
    const DeviceArray<uint8_t> g_out(std::vector<uint8_t>(size, 0xa5));
    const DeviceArray<float> g_scale(std::vector<float>(in.rows(), -1));

    ASSERT_TRUE(QuantizeFp8({g_out.data(), g_scale.data(), g_in.view()}).ok());

    Synchronize();
    EXPECT_EQ(g_out.Values(), out);
    EXPECT_EQ(g_scale.Values(), scale);
  }
};

TEST_P(QuantizeFp8CudaTest, IsTheCpus) { ExpectTheCpus(Random(1, 3)); }

TEST_P(QuantizeFp8CudaTest, RowsOfZerosStayZero) {
  ExpectTheCpus(Matrix(rows(), cols()));
}

TEST_P(QuantizeFp8CudaTest, WhatIsNotFiniteMakesItsRowSo) {
  Matrix in = Random(2);
  in.at(rows() - 1, cols() / 2) = std::nanf("");
  const DeviceMatrix g_in = OnDevice(in);
  const DeviceArray<uint8_t> out(std::vector<uint8_t>(rows() * cols()));
  const DeviceArray<float> scale(std::vector<float>(rows(), 0));

  ASSERT_TRUE(QuantizeFp8({out.data(), scale.data(), g_in.view()}).ok());

  Synchronize();
  const std::vector<float> scales = scale.Values();
  for (int64_t row = 0; row < rows(); ++row) {
    EXPECT_EQ(std::isnan(scales[row]), row == rows() - 1);
  }
}

LOCKSTEP_INSTANTIATE_CUDA_TEST(QuantizeFp8CudaTest);

}  // namespace
}  // namespace lockstep::testing
