#include "worker/optim/lr_schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lockstep {
namespace {

using Spec = v1::TrainSpec;

TEST(LrScheduleTest, LinearWarmsUpFromZeroAndFallsToZero) {
  const LrSchedule schedule(Spec::LR_SCHEDULER_TYPE_LINEAR, 1e-3, 2, 11);

  EXPECT_DOUBLE_EQ(schedule.At(0), 0);
  EXPECT_DOUBLE_EQ(schedule.At(1), 5e-4);
  EXPECT_DOUBLE_EQ(schedule.At(2), 1e-3);
  EXPECT_DOUBLE_EQ(schedule.At(10), 1e-3 / 9);
  EXPECT_DOUBLE_EQ(schedule.At(11), 0);
}

TEST(LrScheduleTest, WarmupBelowOneIsAShareOfAllStepsRoundedUp) {
  const LrSchedule schedule(Spec::LR_SCHEDULER_TYPE_LINEAR, 1.0, 0.25, 10);

  // ceil(2.5) = 3 steps.
  EXPECT_DOUBLE_EQ(schedule.At(1), 1.0 / 3);
  EXPECT_DOUBLE_EQ(schedule.At(3), 1.0);
}

TEST(LrScheduleTest, CosineIsHalfAWave) {
  const LrSchedule schedule(Spec::LR_SCHEDULER_TYPE_COSINE, 2.0, 0, 8);

  EXPECT_DOUBLE_EQ(schedule.At(0), 2.0);
  EXPECT_NEAR(schedule.At(4), 1.0, 1e-15);
  EXPECT_NEAR(schedule.At(2), 1 + std::sqrt(0.5), 1e-15);
  EXPECT_NEAR(schedule.At(8), 0.0, 1e-15);
}

TEST(LrScheduleTest, ConstantIgnoresWarmupUnlessNamed) {
  const LrSchedule plain(Spec::LR_SCHEDULER_TYPE_CONSTANT, 0.5, 4, 10);
  const LrSchedule warm(Spec::LR_SCHEDULER_TYPE_CONSTANT_WITH_WARMUP, 0.5, 4,
                        10);

  EXPECT_DOUBLE_EQ(plain.At(0), 0.5);
  EXPECT_DOUBLE_EQ(warm.At(1), 0.125);
  EXPECT_DOUBLE_EQ(warm.At(9), 0.5);
}

}  // namespace
}  // namespace lockstep
