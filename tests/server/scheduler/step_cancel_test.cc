// Cancel, in every phase of a job.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/exit_code.h"
#include "server/scheduler/step.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(StepCancelTest, WhatDoesNotExistIsNotFound) {
  StepWorld world(1);
  EXPECT_EQ(ErrorReason(world.answer(world.Cancel("a"))), "JOB_NOT_FOUND");
}

TEST(StepCancelTest, AQueuedJobIsCancelledAtOnce) {
  StepWorld world(1);
  world.options().concurrent_prepares = 0;
  world.Restart();
  world.Create("a", 1);
  ASSERT_EQ(world.job("a").state(), v1::Job::QUEUED);
  EXPECT_TRUE(world.answer(world.Cancel("a")).ok());
  EXPECT_EQ(world.job("a").state(), v1::Job::CANCELLED);
}

TEST(StepCancelTest, PrepareIsKilled) {
  StepWorld world(1);
  world.Create("a", 1);
  world.Cancel("a");
  EXPECT_EQ(world.job("a").state(), v1::Job::CANCELLING);
  EXPECT_THAT(world.Effects(), ElementsAre("close jobs/a/0", "kill jobs/a/0"));
  // Its report comes too late.
  world.Prepared("a");
  EXPECT_EQ(world.job("a").state(), v1::Job::CANCELLING);
  world.ProcessEnded({"jobs/a", 0}, 0, /*signal=*/9);
  EXPECT_EQ(world.job("a").state(), v1::Job::CANCELLED);
}

TEST(StepCancelTest, AJobThatWaitsForDevicesIsCancelledAtOnce) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Create("b", 1);
  world.Prepared("b");
  world.Cancel("b");
  EXPECT_EQ(world.job("b").state(), v1::Job::CANCELLED);
  world.Attached("a", 1, /*ended=*/true);
  EXPECT_EQ(world.job("b").state(), v1::Job::CANCELLED);
}

TEST(StepCancelTest, AJobThatWaitsOutAFailureIsCancelledAtOnce) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.RanksEnded("a", 1, 1);
  world.Cancel("a");
  EXPECT_EQ(world.job("a").state(), v1::Job::CANCELLED);
  world.Advance(absl::Minutes(5));
  EXPECT_EQ(world.job("a").attempt(), 1);
}

TEST(StepCancelTest, AStartingAttemptIsStopped) {
  StepWorld world(1);
  world.Create("a", 1);
  world.Prepared("a");
  world.Cancel("a");
  EXPECT_EQ(world.job("a").state(), v1::Job::CANCELLING);
  EXPECT_THAT(world.Effects(),
              ElementsAre("stop jobs/a/1", "terminate jobs/a/1"));
  // A step under way does not bring it back.
  world.Progress("a", 1, 1);
  EXPECT_EQ(world.job("a").state(), v1::Job::CANCELLING);
  world.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(world.job("a").state(), v1::Job::CANCELLED);
  EXPECT_EQ(world.job("a").attempts(0).end_cause(), v1::Attempt::CANCELLED);
}

TEST(StepCancelTest, RanksThatDoNotStopAreKilled) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Cancel("a");
  world.Advance(absl::Seconds(34));
  EXPECT_THAT(world.Effects(), IsEmpty());
  world.Advance(absl::Seconds(1));
  EXPECT_THAT(world.Effects(), ElementsAre("kill jobs/a/1"));
  world.ProcessEnded({"jobs/a", 1}, 0, /*signal=*/9);
  EXPECT_EQ(world.job("a").state(), v1::Job::CANCELLED);
}

TEST(StepCancelTest, AFinishMayWinTheRace) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Cancel("a");
  world.Attached("a", 1, /*ended=*/true, kOk);
  EXPECT_EQ(world.job("a").state(), v1::Job::SUCCEEDED);
}

TEST(StepCancelTest, ItIsDoneOnce) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Cancel("a");
  EXPECT_TRUE(world.answer(world.Cancel("a")).ok());
  EXPECT_THAT(world.Effects(), IsEmpty());
  world.RanksEnded("a", 1, kStopped);
  EXPECT_TRUE(world.answer(world.Cancel("a")).ok());
  EXPECT_EQ(world.job("a").state(), v1::Job::CANCELLED);
}

}  // namespace
}  // namespace lockstep
