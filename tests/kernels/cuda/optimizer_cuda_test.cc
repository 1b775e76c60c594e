// The optimizer's two kernels.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/adamw.h"
#include "kernels/global_norm.h"
#include "tests/kernels/cuda/device_memory.h"

namespace lockstep::testing {
namespace {

std::vector<float> RandomFloats(int64_t size, uint64_t seed) {
  return Matrix::Random(1, size, seed).Values();
}

TEST(GlobalNormCudaTest, IsExactToDoubleAndTheSameAgain) {
  for (const int64_t size : {0, 1, 5, 4096, 1000003, 5000000}) {
    const std::vector<float> values = RandomFloats(size, size + 1);
    double expected = 0;
    ASSERT_TRUE(
        SquaredSum({.sum = &expected, .values = values.data(), .size = size})
            .ok());
    std::vector<float> shifted = values;  // One element on: not aligned.
    shifted.insert(shifted.begin(), 1e10f);
    const DeviceArray<float> g_values(values), g_shifted(shifted);
    const DeviceArray<double> scratch{std::vector<double>(kSquaredSumScratch)};
    const auto run = [&](const float* from) {
      const DeviceArray<double> sum({-1});
      EXPECT_TRUE(SquaredSum({.sum = sum.data(),
                              .values = from,
                              .size = size,
                              .device = Device::kCuda,
                              .scratch = scratch.data()})
                      .ok());
      return sum.Values()[0];
    };

    const double first = run(g_values.data());

    EXPECT_NEAR(first, expected, 1e-12 * expected) << size;
    EXPECT_EQ(first, run(g_values.data())) << size;
    EXPECT_EQ(first, run(g_shifted.data() + 1)) << size;
  }
}

struct Buffers {
  std::vector<float> values, exp_avg, exp_avg_sq;
};

TEST(AdamWCudaTest, IsTheCpuBitByBit) {
  constexpr int64_t kSize = 1 << 20;
  std::vector<AdamWSegment> segments;
  int64_t begin = 3;
  for (int n = 0; n < 150; ++n) {  // More than one launch takes.
    const int64_t end = begin + (n % 5) * 1777 + n % 7;
    segments.push_back(
        {.begin = begin, .end = end, .weight_decay = n % 2 == 0 ? 0.1 : 0});
    begin = end + n % 3;
  }
  segments.push_back({.begin = begin, .end = kSize - 1});
  for (const int64_t shift : {0, 1}) {
    const std::vector<float> gradients = RandomFloats(kSize + shift, 1);
    Buffers cpu = {RandomFloats(kSize + shift, 2),
                   RandomFloats(kSize + shift, 3),
                   std::vector<float>(kSize + shift, 0.25f)};
    const DeviceArray<float> values(cpu.values), exp_avg(cpu.exp_avg);
    const DeviceArray<float> exp_avg_sq(cpu.exp_avg_sq), g(gradients);
    AdamWArgs args = {.values = cpu.values.data() + shift,
                      .exp_avg = cpu.exp_avg.data() + shift,
                      .exp_avg_sq = cpu.exp_avg_sq.data() + shift,
                      .gradients = gradients.data() + shift,
                      .size = kSize,
                      .segments = segments,
                      .learning_rate = 3e-3,
                      .step = 17,
                      .gradient_scale = 0.37};
    ASSERT_TRUE(AdamWStep(args).ok());
    args.values = values.data() + shift;
    args.exp_avg = exp_avg.data() + shift;
    args.exp_avg_sq = exp_avg_sq.data() + shift;
    args.gradients = g.data() + shift;
    args.device = Device::kCuda;

    ASSERT_TRUE(AdamWStep(args).ok());

    EXPECT_EQ(exp_avg.Values(), cpu.exp_avg);
    EXPECT_EQ(exp_avg_sq.Values(), cpu.exp_avg_sq);
    EXPECT_EQ(values.Values(), cpu.values);
  }
}

}  // namespace
}  // namespace lockstep::testing
