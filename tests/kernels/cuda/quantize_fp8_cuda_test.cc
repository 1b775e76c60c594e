#include "kernels/quantize_fp8.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "tests/kernels/cuda/cuda_kernel_test.h"

namespace lockstep::testing {
namespace {

class QuantizeFp8CudaTest : public CudaKernelTest {
 protected:
  // Bytes of a row, with a gap; aligned where the input is.
  int64_t stride(int64_t tail) const { return cols() + 2 * tail + 16; }
  // Columns at the end of each row that are a tail, aligned where these are.
  std::vector<int64_t> Tails() const {
    if (cols() < 3) return {0};
    return cols() % 8 == 0 ? std::vector<int64_t>{0, 8}
                           : std::vector<int64_t>{0, 3};
  }

  // Both twins on the same rows: bytes and scales are equal.
  void ExpectTheCpus(Matrix in, float factor, float least = 1e-12f) const {
    for (const int64_t tail : Tails()) {
      const int64_t size = in.rows() * stride(tail);
      std::vector<uint8_t> out(size, 0xa5);
      std::vector<float> scale(in.rows());
      const DeviceMatrix g_in = OnDevice(in);
      const DeviceArray<uint8_t> g_out(out);
      const DeviceArray<float> g_scale(std::vector<float>(in.rows(), -1));
      const DeviceArray<float> g_factor({factor});
      QuantizeFp8Args args = {.out = out.data(),
                              .out_stride = stride(tail),
                              .scale_T = scale.data(),
                              .in = in.view(),
                              .tail = tail,
                              .tail_factor = &factor,
                              .least = least};
      ASSERT_TRUE(QuantizeFp8(args).ok());
      args.out = g_out.data();
      args.scale_T = g_scale.data();
      args.in = g_in.view();
      args.tail_factor = g_factor.data();

      ASSERT_TRUE(QuantizeFp8(args).ok());

      Synchronize();
      EXPECT_EQ(g_out.Values(), out);
      EXPECT_EQ(g_scale.Values(), scale);
    }
  }
};

TEST_P(QuantizeFp8CudaTest, IsTheCpus) {
  ExpectTheCpus(Random(1, 3), /*factor=*/1);
  ExpectTheCpus(Random(2, 3), /*factor=*/64);
  ExpectTheCpus(Random(3, 3), /*factor=*/4, /*least=*/5);
}

// One column of the tail is by far the largest, and one of the rest; bfloat16
// has the number.
TEST_P(QuantizeFp8CudaTest, IsTheCpusWithOutliers) {
  Matrix in = Random(4);
  in.at(0, cols() - 1) = 8192;
  in.at(rows() - 1, 0) = -8192;
  ExpectTheCpus(in, /*factor=*/16);
}

TEST_P(QuantizeFp8CudaTest, RowsOfZerosStayZero) {
  ExpectTheCpus(Matrix(rows(), cols()), /*factor=*/2);
}

TEST_P(QuantizeFp8CudaTest, WhatIsNotFiniteMakesItsRowSo) {
  Matrix in = Random(2);
  in.at(rows() - 1, cols() / 2) = std::nanf("");
  const DeviceMatrix g_in = OnDevice(in);
  const DeviceArray<uint8_t> out(std::vector<uint8_t>(rows() * cols()));
  const DeviceArray<float> scale(std::vector<float>(rows(), 0));

  ASSERT_TRUE(QuantizeFp8({.out = out.data(),
                           .out_stride = cols(),
                           .scale_T = scale.data(),
                           .in = g_in.view()})
                  .ok());

  Synchronize();
  const std::vector<float> scales = scale.Values();
  for (int64_t row = 0; row < rows(); ++row) {
    EXPECT_EQ(std::isnan(scales[row]), row == rows() - 1);
  }
}

LOCKSTEP_INSTANTIATE_CUDA_TEST(QuantizeFp8CudaTest);

}  // namespace
}  // namespace lockstep::testing
