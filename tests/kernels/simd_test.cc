#include "kernels/cpu/simd.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cpu/vector_width.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

struct Values {
  const std::vector<float>& in;
  std::vector<float>& out;
};

template <int N>
LOCKSTEP_INLINE void MapExp(const Values& values) {
  for (size_t i = 0; i < values.in.size(); i += N) {
    const int64_t left = values.in.size() - i;
    simd::StoreUpTo<N>(&values.out[i],
                       simd::Exp<N>(simd::LoadUpTo<N>(&values.in[i], left)),
                       left);
  }
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(MapExp, Values)

template <int N>
LOCKSTEP_INLINE void MapExp2(const Values& values) {
  for (size_t i = 0; i < values.in.size(); i += N) {
    const int64_t left = values.in.size() - i;
    simd::StoreUpTo<N>(&values.out[i],
                       simd::Exp2<N>(simd::LoadUpTo<N>(&values.in[i], left)),
                       left);
  }
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(MapExp2, Values)

template <int N>
LOCKSTEP_INLINE void Fold(const Values& values) {
  values.out = {simd::Sum<N>(simd::Load<N>(values.in.data())),
                simd::Max<N>(simd::Load<N>(values.in.data()))};
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(Fold, Values)

std::vector<float> Range(float from, float to, int count) {
  std::vector<float> values;
  for (int i = 0; i <= count; ++i) {
    values.push_back(from + (to - from) * static_cast<float>(i) /
                                static_cast<float>(count));
  }
  return values;
}

// In units of the last place of the true value.
double UlpError(float value, double expected) {
  const auto nearest = static_cast<float>(expected);
  const float next = std::nextafter(nearest, HUGE_VALF);
  return std::abs(value - expected) / (static_cast<double>(next) - nearest);
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

class SimdTest : public KernelTest {};
LOCKSTEP_INSTANTIATE_KERNEL_TEST(SimdTest);

TEST_P(SimdTest, ExpIsWithinThreeUlp) {
  const std::vector<float> in = Range(-86, 86.9f, 100003);
  std::vector<float> out(in.size());
  MapExp({in, out});
  for (size_t i = 0; i < in.size(); ++i) {
    ASSERT_LE(UlpError(out[i], std::exp(static_cast<double>(in[i]))), 3)
        << in[i];
  }
}

TEST_P(SimdTest, Exp2IsWithinThreeUlp) {
  const std::vector<float> in = Range(-125, 126, 100003);
  std::vector<float> out(in.size());
  MapExp2({in, out});
  for (size_t i = 0; i < in.size(); ++i) {
    ASSERT_LE(UlpError(out[i], std::exp2(static_cast<double>(in[i]))), 3)
        << in[i];
  }
}

TEST_P(SimdTest, ExpIsZeroBelowBoundedAboveAndKeepsNan) {
  const std::vector<float> in = {-86.1f,    -1e30f, -kInfinity, 1e30f,
                                 kInfinity, kNan,   -kNan,      0};
  std::vector<float> out(in.size());
  MapExp({in, out});
  EXPECT_EQ(out[0], 0);
  EXPECT_EQ(out[1], 0);
  EXPECT_EQ(out[2], 0);
  EXPECT_NEAR(out[3], std::exp(87.0), 1e32);
  EXPECT_EQ(out[4], out[3]);
  EXPECT_TRUE(std::isnan(out[5]));
  EXPECT_TRUE(std::isnan(out[6]));
  EXPECT_EQ(out[7], 1);
}

TEST_P(SimdTest, Exp2IsZeroBelowAndKeepsNan) {
  const std::vector<float> in = {-125.1f, -1e30f, -kInfinity, kNan, -kNan, 0};
  std::vector<float> out(in.size());
  MapExp2({in, out});
  EXPECT_EQ(std::vector<float>(out.begin(), out.begin() + 3),
            std::vector<float>(3, 0.0f));
  EXPECT_TRUE(std::isnan(out[3]));
  EXPECT_TRUE(std::isnan(out[4]));
  EXPECT_EQ(out[5], 1);
}

TEST_P(SimdTest, SumAndMaxFoldEveryLane) {
  std::vector<float> in(16, 0.0f);
  for (int lane = 0; lane < simd::VectorLanes(); ++lane) {
    in.assign(16, -1.0f);
    in[lane] = 100;
    std::vector<float> out;
    Fold({in, out});
    EXPECT_EQ(out[0], 101 - simd::VectorLanes());
    EXPECT_EQ(out[1], 100);
  }
}

TEST(VectorWidthTest, IsNeverAboveTheMachines) {
  const int machine = simd::VectorLanes();
  {
    const simd::ScopedVectorLanes lanes(4);
    EXPECT_EQ(simd::VectorLanes(), 4);
  }
  {
    const simd::ScopedVectorLanes lanes(16);
    EXPECT_EQ(simd::VectorLanes(), machine);
  }
  EXPECT_EQ(simd::VectorLanes(), machine);
}

}  // namespace
}  // namespace lockstep::testing
