#include "worker/train/step_sums.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace lockstep {
namespace {

TEST(StepSumsTest, SumsOfTailsAreSumsOfSteps) {
  const StepSums mine = {.loss_sum = 12345.678901234,
                         .trained_tokens = 16'777'217,
                         .correct = 65'535,
                         .tokens = 3'000'000'001,
                         .examples = 7};
  const StepSums other = {.loss_sum = 0.000123456,
                          .trained_tokens = 16'777'219,
                          .correct = 2,
                          .tokens = 5,
                          .examples = 0,
                          .stop = true};
  at::Tensor mine_tail = at::zeros({16}), other_tail = at::zeros({16});
  mine.Store(mine_tail);
  other.Store(other_tail);

  const StepSums sum = StepSums::Load(mine_tail + other_tail);

  EXPECT_NEAR(sum.loss_sum, 12345.679024690, 1e-3);
  EXPECT_EQ(sum.trained_tokens, 33'554'436);
  EXPECT_EQ(sum.correct, 65'537);
  EXPECT_EQ(sum.tokens, 3'000'000'006);
  EXPECT_EQ(sum.examples, 7);
  EXPECT_TRUE(sum.stop);
  EXPECT_FALSE(sum.checkpoint);
}

TEST(StepSumsTest, ALossThatIsNotFiniteStaysSo) {
  at::Tensor tail = at::zeros({16});
  for (double loss : {std::numeric_limits<double>::infinity(),
                      std::numeric_limits<double>::quiet_NaN()}) {
    StepSums{.loss_sum = loss}.Store(tail);
    EXPECT_FALSE(std::isfinite(StepSums::Load(tail).loss_sum));
  }
}

}  // namespace
}  // namespace lockstep
