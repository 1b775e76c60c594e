// Input rows that are gathered in bfloat16, by ranks that are threads and share
// a GPU: the gradients of the dense way.

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/worker/train/rank_steps.h"
#include "tests/worker/train/training_fixture.h"

namespace lockstep::testing {
namespace {

class InputRowsCudaTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(at::hasCUDA()) << "a GPU is needed";
    at::globalContext().lazyInitDevice(at::kCUDA);
  }
  RankSteps Steps() const {
    return {.tied = GetParam(),
            .ranks = 3,
            .accumulation = 2,
            .placement = {.device = at::Device(at::kCUDA, 0),
                          .compute = at::kBFloat16}};
  }
};

TEST_P(InputRowsCudaTest, GiveTheGradientsOfTheDenseWay) {
  for (const bool last_is_trained : {true, false}) {
    SCOPED_TRACE(last_is_trained);
    RankSteps steps = Steps();
    steps.last_is_trained = last_is_trained;
    const auto apart = RunLocalRankSteps(steps);
    steps.apart = false;

    const auto dense = RunLocalRankSteps(steps);

    ASSERT_TRUE(apart[0].apart);
    for (const RankStepsResult& rank : apart) {
      EXPECT_TRUE(at::equal(rank.gradients, apart[0].gradients));
      EXPECT_TRUE(at::equal(rank.values, apart[0].values));
    }
    EXPECT_LT(RelativeDistance(apart[0].gradients, dense[0].gradients), 1e-6);
    EXPECT_LT(RelativeDistance(apart[0].EmbeddingGradient(),
                               dense[0].EmbeddingGradient()),
              1e-6);
  }
}

// The place of all ranks' rows is used again by the next pass, and residual
// streams come and go through the host.
TEST_P(InputRowsCudaTest, TwentyStepsEndInEqualBitsHoweverMemoryIsSaved) {
  RankSteps steps = Steps();
  steps.steps = 20;
  const auto kept = RunLocalRankSteps(steps);
  for (const RankStepsResult& rank : kept) {
    EXPECT_TRUE(at::equal(rank.values, kept[0].values));
  }
  for (const Recompute recompute :
       {Recompute::kNormSwiglu, Recompute::kBlock}) {
    steps.recompute = recompute;
    EXPECT_TRUE(at::equal(RunLocalRankSteps(steps)[0].values, kept[0].values));
  }
}

INSTANTIATE_TEST_SUITE_P(Heads, InputRowsCudaTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Tied" : "OfItsOwn";
                         });

}  // namespace
}  // namespace lockstep::testing
