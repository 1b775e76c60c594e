// Adapters inside a base in FP8, against double.

#include "worker/model/linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/worker/model/adapted_linear.h"
#include "tests/worker/model/random_model.h"

namespace lockstep {
namespace {

TEST(Fp8LinearTest, OfTheForwardPassOnlyTheAdaptersAreRoundedAndHardly) {
  const AdaptedLinear linear({}, /*a=*/0.00125, /*b=*/1.1);
  const at::Tensor expected = linear.Expected().y_TN;
  const at::Tensor share = linear.OfAdapters().y_TN;
  ASSERT_GT(RelativeError(expected - share, expected), 0.05);

  const at::Tensor y = linear.Run().y_TN;

  EXPECT_LT(RelativeError(y - (expected - share), share), 5e-3);
}

TEST(Fp8LinearTest, OfTheBackwardPassOnlyTheAdaptersAreRoundedAndHardly) {
  const AdaptedLinear linear({}, /*a=*/1.7, /*b=*/0.0008);
  const at::Tensor expected = linear.Expected().dx_TK;
  const at::Tensor share = linear.OfAdapters().dx_TK;
  ASSERT_GT(RelativeError(expected - share, expected), 0.05);

  const at::Tensor dx = linear.Run().dx_TK;

  EXPECT_LT(RelativeError(dx - (expected - share), share), 5e-3);
}

// Hidden columns are larger than what they are behind: that has a step of FP8
// of another scale.
TEST(Fp8LinearTest, LargeTailsLeaveTheirRowsTheirThreeBits) {
  const AdaptedLinear linear({}, /*a=*/0.125, /*b=*/0.06);
  const LinearResults expected = linear.Expected();

  const LinearResults results = linear.Run();

  EXPECT_LT(RelativeError(results.y_TN, expected.y_TN), 0.03);
  EXPECT_LT(RelativeError(results.dx_TK, expected.dx_TK), 0.03);
}

TEST(Fp8LinearTest, GradientsOfTheAdaptersAreNotRounded) {
  const AdaptedLinear linear({}, /*a=*/0.125, /*b=*/0.06);
  const LinearResults expected = linear.Expected();

  const LinearResults results = linear.Run();

  ASSERT_EQ(results.gradients.size(), 3);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_LT(RelativeError(results.gradients[i].a, expected.gradients[i].a),
              1e-5);
    EXPECT_LT(RelativeError(results.gradients[i].b, expected.gradients[i].b),
              1e-5);
  }
}

TEST(Fp8LinearTest, TheSameAdaptersAreTheSameBits) {
  const LinearResults first = AdaptedLinear({}, 0.125, 0.06).Run();
  const LinearResults second = AdaptedLinear({}, 0.125, 0.06).Run();

  EXPECT_TRUE(at::equal(first.y_TN, second.y_TN));
  EXPECT_TRUE(at::equal(first.dx_TK, second.dx_TK));
}

}  // namespace
}  // namespace lockstep
