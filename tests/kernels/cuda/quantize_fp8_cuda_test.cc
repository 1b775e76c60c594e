#include "kernels/quantize_fp8.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "tests/kernels/cuda/cuda_kernel_test.h"

namespace lockstep::testing {
namespace {

// Both twins on the same rows, with `tail` columns of a tail: bytes and scales
// are equal, and the bytes of a gap behind each row are as before.
void ExpectTheCpus(Matrix in, const DeviceMatrix& g_in, int64_t tail,
                   float factor, float least) {
  const int64_t stride = in.cols() + 2 * tail + 16;
  std::vector<uint8_t> out(in.rows() * stride, 0xa5);
  std::vector<float> scale(in.rows());
  const DeviceArray<uint8_t> g_out(out);
  const DeviceArray<float> g_scale(std::vector<float>(in.rows(), -1));
  const DeviceArray<float> g_factor({factor});
  QuantizeFp8Args args = {.out = out.data(),
                          .out_stride = stride,
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

class QuantizeFp8CudaTest : public CudaKernelTest {
 protected:
  // Columns at the end of each row that are a tail, aligned where these are.
  std::vector<int64_t> Tails() const {
    if (cols() < 3) return {0};
    return cols() % 8 == 0 ? std::vector<int64_t>{0, 8}
                           : std::vector<int64_t>{0, 3};
  }

  void ExpectTheCpus(const Matrix& in, float factor,
                     float least = 1e-12f) const {
    for (const int64_t tail : Tails()) {
      testing::ExpectTheCpus(in, OnDevice(in), tail, factor, least);
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

// More rows than blocks that the GPU holds: a block takes many.
TEST(QuantizeFp8ManyRowsCudaTest, IsTheCpus) {
  for (const int64_t cols : {40, 37, 4128}) {
    const int64_t rows = cols < 100 ? 30'011 : 4'003;
    const Matrix in =
        Rounded(Matrix::Random(rows, cols, 5, 3), DType::kBFloat16);
    ExpectTheCpus(in, DeviceMatrix(in, DType::kBFloat16, 8),
                  /*tail=*/cols % 8 == 0 ? 32 : 3, /*factor=*/2,
                  /*least=*/1e-12f);
  }
}

// Shared memory holds two of the first, and not of the others.
TEST(QuantizeFp8LongRowsCudaTest, IsTheCpus) {
  for (const int64_t cols : {25'000, 60'000, 70'001}) {
    const Matrix in = Matrix::Random(5, cols, 6, 3);
    ExpectTheCpus(in, DeviceMatrix(in, DType::kFloat32, 0),
                  /*tail=*/cols % 8 == 0 ? 64 : 1, /*factor=*/3,
                  /*least=*/1e-12f);
  }
}

}  // namespace
}  // namespace lockstep::testing
