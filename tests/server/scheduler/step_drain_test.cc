// A drain: nothing new starts, what runs goes on.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/exit_code.h"
#include "server/scheduler/step.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::IsEmpty;

class StepDrainTest : public ::testing::Test {
 protected:
  StepDrainTest() {
    world_.options().concurrent_prepares = 1;
    world_.Restart();
  }

  void Drain(bool drain) {
    ASSERT_TRUE(world_.answer(world_.Drain(drain)).ok());
  }

  StepWorld world_{1};
};

TEST_F(StepDrainTest, ANewJobIsRefused) {
  Drain(true);
  const absl::Status refused = world_.answer(world_.Create("a", 1));
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(refused), "DRAINING");
  EXPECT_THAT(world_.disk(), IsEmpty());
  Drain(false);
  EXPECT_TRUE(world_.answer(world_.Create("a", 1)).ok());
}

TEST_F(StepDrainTest, WhatRunsGoesOnAndNothingFollowsIt) {
  world_.RunAttempt1("a", 1);
  world_.Create("b", 1);
  world_.Launched({"jobs/b", 0});
  Drain(true);
  EXPECT_THAT(world_.Effects(), IsEmpty());
  EXPECT_EQ(world_.job("a").state(), v1::Job::RUNNING);
  // A prepare that runs is not lost either.
  world_.Prepared("b");
  world_.ProcessEnded({"jobs/b", 0}, 0);
  world_.RanksEnded("a", 1, kOk);
  EXPECT_EQ(world_.job("a").state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(world_.job("b").state(), v1::Job::QUEUED);
  EXPECT_EQ(world_.job("b").pending_reason(), v1::Job::DRAINING);

  Drain(false);
  EXPECT_EQ(world_.job("b").state(), v1::Job::STARTING);
}

TEST_F(StepDrainTest, APrepareWaitsToo) {
  world_.Create("a", 1);
  world_.Create("b", 1);
  world_.Create("c", 1);
  Drain(true);
  EXPECT_EQ(world_.job("b").pending_reason(), v1::Job::DRAINING);
  world_.Launched({"jobs/a", 0});
  world_.Prepared("a");
  EXPECT_EQ(world_.job("b").state(), v1::Job::QUEUED);

  Drain(false);
  EXPECT_EQ(world_.job("a").state(), v1::Job::STARTING);
  EXPECT_EQ(world_.job("b").state(), v1::Job::PREPARING);
  EXPECT_EQ(world_.job("c").pending_reason(), v1::Job::PREPARATION);
}

TEST_F(StepDrainTest, AFailedAttemptIsTriedAgainAfterIt) {
  world_.RunAttempt1("a", 1);
  Drain(true);
  world_.RanksEnded("a", 1, kFailure);
  world_.Advance(absl::Minutes(2));
  EXPECT_EQ(world_.job("a").state(), v1::Job::QUEUED);
  EXPECT_EQ(world_.job("a").pending_reason(), v1::Job::DRAINING);
  Drain(false);
  EXPECT_EQ(world_.job("a").state(), v1::Job::STARTING);
}

TEST_F(StepDrainTest, ItOutlivesTheCoordinator) {
  world_.RunAttempt1("a", 1);
  Drain(true);
  world_.Restart();
  world_.RanksEnded("a", 1, kFailure);
  world_.Advance(absl::Minutes(2));
  EXPECT_EQ(world_.job("a").state(), v1::Job::QUEUED);
  Drain(false);
  world_.Restart();
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(world_.job("a").state(), v1::Job::STARTING);
}

TEST_F(StepDrainTest, ASecondDrainIsNoChange) {
  world_.Create("a", 1);
  world_.Create("b", 1);
  Drain(true);
  const std::string etag = world_.job("b").etag();
  Drain(true);
  EXPECT_EQ(world_.job("b").etag(), etag);
  EXPECT_THAT(world_.events(), IsEmpty());
}

}  // namespace
}  // namespace lockstep
