#include "worker/optim/adamw.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "worker/optim/clip.h"

namespace lockstep {
namespace {

// torch.optim.AdamW in double, one value.
struct Reference {
  double value, exp_avg = 0, exp_avg_sq = 0;
  int64_t steps = 0;

  void Step(double gradient, double lr, double decay) {
    ++steps;
    value -= lr * decay * value;
    exp_avg += (gradient - exp_avg) * 0.1;
    exp_avg_sq = exp_avg_sq * 0.99 + gradient * gradient * 0.01;
    const double m = exp_avg / (1 - std::pow(0.9, steps));
    const double v = exp_avg_sq / (1 - std::pow(0.99, steps));
    value -= lr * m / (std::sqrt(v) + 1e-8);
  }
};

constexpr AdamWOptions kOptions = {
    .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8, .weight_decay = 0.1};

TEST(AdamWTest, FollowsTheFormulaAndDecaysOnlyWhereAsked) {
  const int64_t n = 37;
  at::Tensor values = at::sin(at::arange(n, at::kFloat));
  at::Tensor gradients = at::zeros({n});
  std::vector<Reference> reference;
  for (int64_t i = 0; i < n; ++i) {
    reference.push_back({.value = values[i].item<float>()});
  }
  AdamW adamw(values, gradients, {{0, 20, true}, {20, n, false}}, kOptions);

  for (int step = 1; step <= 5; ++step) {
    gradients.copy_(at::cos(at::arange(n, at::kFloat) * step) * 8);
    for (int64_t i = 0; i < n; ++i) {
      reference[i].Step(gradients[i].item<float>() * 0.25, 1e-2,
                        i < 20 ? 0.1 : 0.0);
    }
    adamw.Step(/*learning_rate=*/1e-2, /*gradient_scale=*/0.25);
  }

  EXPECT_EQ(adamw.steps(), 5);
  for (int64_t i = 0; i < n; ++i) {
    EXPECT_NEAR(values[i].item<float>(), reference[i].value, 2e-6) << i;
  }
}

TEST(AdamWTest, GoesOnBitForBitFromItsState) {
  const int64_t n = 100;
  at::Tensor values = at::sin(at::arange(n, at::kFloat));
  const at::Tensor gradients = at::cos(at::arange(n, at::kFloat));
  AdamW straight(values, gradients, {{0, n, true}}, kOptions);
  straight.Step(1e-2, 1);
  at::Tensor restored_values = values.clone();
  AdamW restored(restored_values, gradients, {{0, n, true}}, kOptions);
  for (size_t i = 0; i < straight.State().size(); ++i) {
    restored.State()[i].buffer.copy_(straight.State()[i].buffer);
  }
  restored.set_steps(straight.steps());

  straight.Step(1e-2, 1);
  restored.Step(1e-2, 1);

  EXPECT_TRUE(at::equal(values, restored_values));
}

TEST(ClipTest, NormIsOfTheWholeBuffer) {
  EXPECT_DOUBLE_EQ(GlobalNorm(at::zeros({0})).Measure(), 0);
  EXPECT_NEAR(GlobalNorm(at::full({100}, 3.0f)).Measure(), 30, 1e-9);
}

TEST(ClipTest, ScalesDownOnlyWhatIsTooLong) {
  EXPECT_DOUBLE_EQ(ClipFactor(0.5, 1.0), 1);
  EXPECT_DOUBLE_EQ(ClipFactor(4.0, 1.0), 1.0 / (4.0 + 1e-6));
  EXPECT_DOUBLE_EQ(ClipFactor(4.0, 0), 1);
}

}  // namespace
}  // namespace lockstep
