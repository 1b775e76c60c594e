#include "kernels/global_norm.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

double SquaredSumOf(const std::vector<float>& values) {
  double sum = -1;
  EXPECT_TRUE(SquaredSum({.sum = &sum,
                          .values = values.data(),
                          .size = static_cast<int64_t>(values.size())})
                  .ok());
  return sum;
}

class GlobalNormTest : public KernelTest {};
LOCKSTEP_INSTANTIATE_KERNEL_TEST(GlobalNormTest);

TEST_P(GlobalNormTest, EqualsTheOracle) {
  for (const int64_t size : {0, 1, 15, 16, 37, 100'003}) {
    const Matrix values = Matrix::Random(1, size, 1);
    double expected = 0;
    for (const double value : values.ToDoubles().values) {
      expected += value * value;
    }
    EXPECT_NEAR(SquaredSumOf(values.Values()), expected, 1e-12 * expected);
  }
}

TEST_P(GlobalNormTest, SquaresDoNotOverflow) {
  EXPECT_DOUBLE_EQ(SquaredSumOf({1e30f, 1e30f}), 2 * 1e30f * double{1e30f});
}

TEST(GlobalNormReplicasTest, EveryVectorWidthGivesTheSameBits) {
  const std::vector<float> values = Matrix::Random(1, 9999, 1).Values();
  const double wide = SquaredSumOf(values);
  const simd::ScopedVectorLanes lanes(4);
  EXPECT_EQ(SquaredSumOf(values), wide);
}

TEST(GlobalNormErrorsTest, NameTheBuffer) {
  double sum = 5;
  const float value = 1;
  EXPECT_THAT(SquaredSum({.sum = &sum, .size = 1}).message(),
              HasSubstr("global_norm values"));
  EXPECT_THAT(SquaredSum({.values = &value, .size = 1}).message(),
              HasSubstr("global_norm sum"));
  const absl::Status status =
      SquaredSum({.sum = &sum, .values = &value, .size = -1});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("size -1"));
  EXPECT_EQ(sum, 5);
}

}  // namespace
}  // namespace lockstep::testing
