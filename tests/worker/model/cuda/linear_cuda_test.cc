// A linear on a GPU with its adapters inside a base in FP8, against double.

#include "worker/model/linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/worker/model/adapted_linear.h"
#include "tests/worker/model/random_model.h"

namespace lockstep {
namespace {

const Placement kOnGpu = {.device = at::Device(at::kCUDA),
                          .compute = at::kBFloat16};

// y is rounded to bfloat16, which is more than what the adapters lose. With
// three bits of them it would be 4% of their share.
TEST(Fp8LinearCudaTest, HoldsTheAdaptersOfTheForwardPass) {
  const AdaptedLinear linear(kOnGpu, /*a=*/0.00125, /*b=*/1.1);
  const at::Tensor expected = linear.Expected().y_TN;
  const at::Tensor share = linear.OfAdapters().y_TN;

  const at::Tensor y = linear.Run().y_TN;

  EXPECT_LT(RelativeError(y, expected), 3e-3);
  EXPECT_LT(RelativeError(y - (expected - share), share), 2.5e-2);
}

TEST(Fp8LinearCudaTest, HoldsTheAdaptersOfTheBackwardPass) {
  const AdaptedLinear linear(kOnGpu, /*a=*/1.7, /*b=*/0.0008);
  const at::Tensor expected = linear.Expected().dx_TK;
  const at::Tensor share = linear.OfAdapters().dx_TK;

  const at::Tensor dx = linear.Run().dx_TK;

  EXPECT_LT(RelativeError(dx, expected), 3e-3);
  EXPECT_LT(RelativeError(dx - (expected - share), share), 2.5e-2);
}

// The largest of a row may be a hidden column, which is rounded to bfloat16 and
// with it the row's scale; some numbers then take another step of FP8.
TEST(Fp8LinearCudaTest, IsTheCpus) {
  const LinearResults expected = AdaptedLinear({}, 0.125, 0.06).Run();

  const LinearResults results = AdaptedLinear(kOnGpu, 0.125, 0.06).Run();

  EXPECT_LT(RelativeError(results.y_TN, expected.y_TN), 2e-2);
  EXPECT_LT(RelativeError(results.dx_TK, expected.dx_TK), 2e-2);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_LT(RelativeError(results.gradients[i].a, expected.gradients[i].a),
              1e-2);
    EXPECT_LT(RelativeError(results.gradients[i].b, expected.gradients[i].b),
              1e-2);
  }
}

TEST(Fp8LinearCudaTest, RepeatsBitForBit) {
  const AdaptedLinear linear(kOnGpu, 0.125, 0.06);

  const LinearResults first = linear.Run(), second = linear.Run();

  EXPECT_TRUE(at::equal(first.y_TN, second.y_TN));
  EXPECT_TRUE(at::equal(first.dx_TK, second.dx_TK));
}

}  // namespace
}  // namespace lockstep
