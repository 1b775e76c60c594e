// What Step makes of ranks that hold the others up.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::IsEmpty;

SlowFound Slow(int rank, bool over = false, int attempt = 1) {
  return {.attempt = {"jobs/a", attempt},
          .rank = {.rank = rank,
                   .over = over,
                   .slowdown = 1.625,
                   .kind = v1::Span::BACKWARD,
                   .takes = absl::Milliseconds(40),
                   .median = absl::Milliseconds(20)}};
}

TEST(StepSlowTest, IsNamedAndGoesOn) {
  StepWorld world(2);
  world.RunAttempt1("a", 2);

  world.Do(SlowEvent{Slow(1)});

  ASSERT_EQ(world.events().size(), 1u);
  EXPECT_EQ(world.events()[0].type(), "RANK_SLOW");
  EXPECT_EQ(world.events()[0].severity(), v1::Event::WARNING);
  EXPECT_EQ(world.events()[0].attempt(), 1);
  EXPECT_EQ(world.events()[0].message(),
            "rank 1 (cpu:1 on here) holds the others up: it computes 1.62 "
            "times as long a step as the median rank, most of it in backward, "
            "40 ms against 20 ms");
  EXPECT_THAT(world.Effects(), IsEmpty());
  EXPECT_EQ(world.job("a").state(), v1::Job::RUNNING);

  world.Do(SlowEvent{Slow(1, /*over=*/true)});

  ASSERT_EQ(world.events().size(), 1u);
  EXPECT_EQ(world.events()[0].type(), "RANK_CAUGHT_UP");
  EXPECT_EQ(world.events()[0].message(),
            "rank 1 (cpu:1 on here) computes as fast as the others again");
}

TEST(StepSlowTest, OfWhatEndsNothingIsSaid) {
  StepWorld world(2);
  world.RunAttempt1("a", 2);
  world.Do(SlowEvent{Slow(1, /*over=*/false, /*attempt=*/2)});
  EXPECT_THAT(world.events(), IsEmpty());
  world.Cancel("a");
  world.Do(SlowEvent{Slow(1)});
  EXPECT_THAT(world.events(), IsEmpty());
}

}  // namespace
}  // namespace lockstep
