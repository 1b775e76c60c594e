#include "kernels/adamw.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSize = 103;

struct State {
  Matrix values = Matrix::Random(1, kSize, 1);
  Matrix exp_avg = Matrix(1, kSize);
  Matrix exp_avg_sq = Matrix(1, kSize);
  Matrix gradients = Matrix::Random(1, kSize, 2);
  std::vector<AdamWSegment> segments = {
      {.begin = 2, .end = 40, .weight_decay = 0.1},
      {.begin = 40, .end = 40},
      {.begin = 45, .end = kSize}};

  AdamWArgs args(int64_t step) {
    return {.values = values.data(),
            .exp_avg = exp_avg.data(),
            .exp_avg_sq = exp_avg_sq.data(),
            .gradients = gradients.data(),
            .size = kSize,
            .segments = segments,
            .learning_rate = 0.01,
            .beta1 = 0.9,
            .beta2 = 0.95,
            .epsilon = 1e-6,
            .step = step,
            .gradient_scale = 0.125};
  }
};

// The header's formula for one element.
struct Element {
  double p, m = 0, v = 0;

  void Step(double gradient, int t, double weight_decay) {
    const double g = gradient * 0.125;
    p *= 1 - 0.01 * weight_decay;
    m = m + (1 - 0.9) * (g - m);
    v = 0.95 * v + (1 - 0.95) * g * g;
    p -= 0.01 / (1 - std::pow(0.9, t)) * m /
         (std::sqrt(v) / std::sqrt(1 - std::pow(0.95, t)) + 1e-6);
  }
};

class AdamWTest : public KernelTest {};
LOCKSTEP_INSTANTIATE_KERNEL_TEST(AdamWTest);

TEST_P(AdamWTest, FollowsTheFormulaForTwentySteps) {
  State state;
  std::vector<Element> elements;
  for (int64_t i = 0; i < kSize; ++i) {
    elements.push_back({.p = state.values.at(0, i)});
  }
  for (int step = 1; step <= 20; ++step) {
    state.gradients = Matrix::Random(1, kSize, 100 + step);
    ASSERT_TRUE(AdamWStep(state.args(step)).ok());
    for (const AdamWSegment& segment : state.segments) {
      for (int64_t i = segment.begin; i < segment.end; ++i) {
        elements[i].Step(state.gradients.at(0, i), step, segment.weight_decay);
      }
    }
  }

  for (int64_t i = 0; i < kSize; ++i) {
    ASSERT_NEAR(state.values.at(0, i), elements[i].p, 2e-6) << i;
    ASSERT_NEAR(state.exp_avg.at(0, i), elements[i].m, 1e-7) << i;
    ASSERT_NEAR(state.exp_avg_sq.at(0, i), elements[i].v, 1e-8) << i;
  }
  EXPECT_TRUE(state.values.TailsAreUntouched());
}

TEST_P(AdamWTest, WhatSegmentsLeaveOutStays) {
  State state;
  const Matrix before = state.values;
  ASSERT_TRUE(AdamWStep(state.args(1)).ok());
  for (const int64_t i : {0, 1, 40, 44}) {
    EXPECT_EQ(state.values.at(0, i), before.at(0, i));
    EXPECT_EQ(state.exp_avg.at(0, i), 0);
    EXPECT_EQ(state.exp_avg_sq.at(0, i), 0);
  }
}

TEST(AdamWReplicasTest, EveryVectorWidthGivesTheSameBits) {
  State narrow, wide;
  {
    const simd::ScopedVectorLanes lanes(4);
    ASSERT_TRUE(AdamWStep(narrow.args(7)).ok());
  }
  ASSERT_TRUE(AdamWStep(wide.args(7)).ok());

  EXPECT_EQ(narrow.values.Values(), wide.values.Values());
  EXPECT_EQ(narrow.exp_avg.Values(), wide.exp_avg.Values());
  EXPECT_EQ(narrow.exp_avg_sq.Values(), wide.exp_avg_sq.Values());
}

void ExpectInvalid(State& state, const AdamWArgs& args, const char* message) {
  const std::vector<float> before = state.values.Values();
  const absl::Status status = AdamWStep(args);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(message));
  EXPECT_EQ(state.values.Values(), before);
}

TEST(AdamWErrorsTest, NameTheBufferStepOrSegment) {
  State state;
  AdamWArgs args = state.args(0);
  ExpectInvalid(state, args, "step 0 where the first is 1");
  args = state.args(1);
  args.values = nullptr;
  ExpectInvalid(state, args, "adamw values");
  args = state.args(1);
  args.exp_avg = nullptr;
  ExpectInvalid(state, args, "adamw exp_avg");
  args = state.args(1);
  args.exp_avg_sq = nullptr;
  ExpectInvalid(state, args, "adamw exp_avg_sq");
  args = state.args(1);
  args.gradients = nullptr;
  ExpectInvalid(state, args, "adamw gradients");
  state.segments = {{.begin = 0, .end = 9}, {.begin = 8, .end = 10}};
  ExpectInvalid(state, state.args(1),
                "segment [8, 10) behind one that ends at 9");
  state.segments = {{.begin = 9, .end = 8}};
  ExpectInvalid(state, state.args(1), "segment [9, 8)");
  state.segments = {{.begin = 0, .end = kSize + 1}};
  ExpectInvalid(state, state.args(1), "overlap within [0, 103)");
  state.segments = {{.begin = -1, .end = 1}};
  ExpectInvalid(state, state.args(1), "segment [-1, 1)");
}

}  // namespace
}  // namespace lockstep::testing
