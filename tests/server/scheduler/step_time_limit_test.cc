// resources.timeout: an attempt that takes longer writes a checkpoint, and the
// job fails.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/exit_code.h"
#include "server/scheduler/proto_time.h"
#include "server/scheduler/step.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kLimit = absl::Hours(2);

class StepTimeLimitTest : public ::testing::Test {
 protected:
  StepTimeLimitTest() {
    v1::JobSpec spec;
    spec.mutable_resources()->set_ranks(1);
    *spec.mutable_resources()->mutable_timeout() = ToProto(kLimit);
    spec.set_max_restarts(1);
    world_.Create("a", spec);
    world_.Prepare("a");
  }

  StepWorld world_{1};
};

TEST_F(StepTimeLimitTest, TheAttemptWritesACheckpointAndTheJobFails) {
  world_.Train("a", 1);
  world_.Advance(kLimit - absl::Milliseconds(1));
  EXPECT_THAT(world_.Effects(), IsEmpty());
  world_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(world_.Effects(), ElementsAre("checkpoint and stop jobs/a/1"));
  ASSERT_THAT(world_.events(), SizeIs(1));
  EXPECT_EQ(world_.events()[0].type(), "TIME_LIMIT_REACHED");
  world_.Checkpoint("a", 1, 7, true);
  world_.RanksEnded("a", 1, kStopped);
  const v1::Job& job = world_.job("a");
  EXPECT_EQ(job.state(), v1::Job::FAILED);
  EXPECT_EQ(job.error().reason(), "TIME_LIMIT");
  EXPECT_EQ(job.error().message(), "resources.timeout: the attempt took 2h");
  EXPECT_EQ(job.attempts(0).end_cause(), v1::Attempt::TIME_LIMIT);
  EXPECT_THAT(job.attempts(0).end_message(), HasSubstr("is of step 7"));
}

TEST_F(StepTimeLimitTest, RanksThatHaveNotJoinedAreStopped) {
  world_.Launched({"jobs/a", 1});
  world_.Advance(kLimit);
  EXPECT_THAT(world_.Effects(),
              ElementsAre("stop jobs/a/1", "terminate jobs/a/1"));
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(world_.job("a").error().reason(), "TIME_LIMIT");
}

TEST_F(StepTimeLimitTest, WithoutACheckpointInTimeTheRanksAreKilled) {
  world_.Train("a", 1);
  world_.Advance(kLimit);
  world_.Advance(world_.options().drain_grace);
  EXPECT_THAT(world_.Effects(), ElementsAre("stop jobs/a/1 without grace"));
  world_.RanksEnded("a", 1, kFailure);
  EXPECT_EQ(world_.job("a").error().reason(), "TIME_LIMIT");
}

TEST_F(StepTimeLimitTest, ARestartKnowsWhenTheAttemptBegan) {
  world_.Train("a", 1);
  world_.Advance(kLimit - absl::Minutes(1));
  world_.Restart();
  world_.Advance(absl::Seconds(59));
  EXPECT_THAT(world_.Effects(), IsEmpty());
  world_.Advance(absl::Seconds(1));
  EXPECT_THAT(world_.Effects(), ElementsAre("checkpoint and stop jobs/a/1"));
  world_.Restart();
  EXPECT_THAT(world_.Effects(), Contains("checkpoint and stop jobs/a/1"));
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(world_.job("a").error().reason(), "TIME_LIMIT");
}

// The verdict is not on disk; the order is.
TEST_F(StepTimeLimitTest, ARestartWhileTheRanksAreKilledGivesNoNewTime) {
  world_.Train("a", 1);
  world_.Advance(kLimit);
  world_.Advance(world_.options().drain_grace);
  ASSERT_THAT(world_.Effects(), ElementsAre("stop jobs/a/1 without grace"));
  world_.Restart();
  world_.ProcessEnded({"jobs/a", 1}, 0);
  EXPECT_EQ(world_.job("a").state(), v1::Job::FAILED);
  EXPECT_EQ(world_.job("a").error().reason(), "TIME_LIMIT");
}

TEST_F(StepTimeLimitTest, AFailureThatFollowsGivesNoNewTime) {
  world_.Train("a", 1);
  world_.Advance(kLimit);
  world_.RanksEnded("a", 1, kFailure);
  EXPECT_EQ(world_.job("a").state(), v1::Job::FAILED);
  EXPECT_EQ(world_.job("a").error().reason(), "TIME_LIMIT");
}

TEST_F(StepTimeLimitTest, EachAttemptHasItsOwnTime) {
  world_.Train("a", 1);
  world_.Advance(kLimit - absl::Minutes(1));
  world_.RanksEnded("a", 1, kFailure);
  world_.Advance(absl::Minutes(2));
  ASSERT_EQ(world_.job("a").attempt(), 2);
  world_.Advance(kLimit - absl::Minutes(1));
  EXPECT_THAT(world_.Effects(), IsEmpty());
}

TEST_F(StepTimeLimitTest, WhatIsBeingStoppedGoesOnWithThat) {
  world_.Train("a", 1);
  world_.Advance(kLimit - absl::Seconds(1));
  world_.Pause("a");
  world_.Advance(absl::Seconds(1));
  EXPECT_THAT(world_.Effects(), IsEmpty());
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(world_.job("a").state(), v1::Job::PAUSED);
}

TEST_F(StepTimeLimitTest, APauseComesTooLate) {
  world_.Train("a", 1);
  world_.Advance(kLimit);
  world_.Pause("a");
  EXPECT_THAT(world_.Effects(), IsEmpty());
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(world_.job("a").state(), v1::Job::FAILED);
}

TEST_F(StepTimeLimitTest, WhoWaitsKnowsWhenItEnds) {
  world_.Create("b", 1);
  world_.Prepare("b");
  EXPECT_EQ(FromProto(world_.Explain("b")->earliest_start_time()),
            world_.wall() + kLimit);
}

}  // namespace
}  // namespace lockstep
