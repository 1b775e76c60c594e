#include "kernels/fp8_tail.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "tests/kernels/cuda/cuda_kernel_test.h"

namespace lockstep::testing {
namespace {

class Fp8TailCudaTest : public CudaKernelTest {
 protected:
  // Behind rows of 32 columns, with a gap; aligned where the tail is.
  int64_t stride() const { return 32 + 3 * cols() + 16; }
  std::vector<float> Scales(int64_t count) const {
    return Matrix::Random(1, count, 9).Values();
  }

  // Both twins on the same matrices, more than one launch takes: bytes and
  // factors are equal.
  void ExpectTheCpus(Matrix in, bool transposed) const {
    constexpr int kTails = 33;
    const int64_t count = transposed ? in.cols() : in.rows();
    std::vector<float> scale = Scales(count);
    for (float& value : scale) value = std::fabs(value) + 1e-3f;
    std::vector<uint8_t> out(kTails * count * stride(), 0xa5);
    std::vector<float> factor(kTails * kFp8TailFactorFloats, -1);
    const DeviceMatrix g_in = OnDevice(in);
    const DeviceArray<float> g_scale(scale), g_factor(factor);
    const DeviceArray<uint8_t> g_out(out);
    std::vector<Fp8Tail> tails, g_tails;
    for (int i = 0; i < kTails; ++i) {
      const int64_t at = i * count * stride() + 32;
      Fp8Tail tail = {.out = out.data() + at,
                      .out_stride = stride(),
                      .factor = factor.data() + i * kFp8TailFactorFloats,
                      .in = in.view(),
                      .transposed = transposed,
                      .scale_N = scale.data()};
      tails.push_back(tail);
      tail.out = g_out.data() + at;
      tail.factor = g_factor.data() + i * kFp8TailFactorFloats;
      tail.in = g_in.view();
      tail.scale_N = g_scale.data();
      g_tails.push_back(tail);
    }
    ASSERT_TRUE(PackFp8Tails(tails).ok());

    ASSERT_TRUE(PackFp8Tails(g_tails).ok());

    Synchronize();
    EXPECT_EQ(g_out.Values(), out);
    const std::vector<float> factors = g_factor.Values();
    for (int i = 0; i < kTails; ++i) {
      EXPECT_EQ(factors[i * kFp8TailFactorFloats],
                factor[i * kFp8TailFactorFloats]);
    }
  }
};

TEST_P(Fp8TailCudaTest, IsTheCpus) {
  const int64_t few = std::min<int64_t>(rows(), 50);
  ExpectTheCpus(Random(few, cols(), 1, 0.1f), /*transposed=*/false);
  ExpectTheCpus(Random(few, cols(), 2, 1e-6f), /*transposed=*/false);
}

TEST_P(Fp8TailCudaTest, TransposedIsTheCpus) {
  const int64_t few = std::min<int64_t>(rows(), 50);
  ExpectTheCpus(Random(cols(), few, 3, 100), /*transposed=*/true);
}

TEST_P(Fp8TailCudaTest, WhatIsNotFiniteIsSeen) {
  Matrix in = Random(4);
  in.at(rows() - 1, cols() / 2) = std::nanf("");
  const DeviceMatrix g_in = OnDevice(in);
  const DeviceArray<float> scale(std::vector<float>(rows(), 1));
  const DeviceArray<float> factor(std::vector<float>(kFp8TailFactorFloats, -1));
  const DeviceArray<uint8_t> out(std::vector<uint8_t>(rows() * stride()));
  const Fp8Tail tail = {.out = out.data(),
                        .out_stride = stride(),
                        .factor = factor.data(),
                        .in = g_in.view(),
                        .scale_N = scale.data()};

  ASSERT_TRUE(PackFp8Tails({&tail, 1}).ok());

  Synchronize();
  EXPECT_TRUE(std::isnan(factor.Values()[0]));
  EXPECT_EQ(out.Values()[cols() - 1] & 0x7f, 0x7f);
}

LOCKSTEP_INSTANTIATE_CUDA_TEST(Fp8TailCudaTest);

}  // namespace
}  // namespace lockstep::testing
