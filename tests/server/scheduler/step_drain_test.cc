// A drain: what trains stops with a checkpoint, or is let run, and nothing new
// starts.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/exit_code.h"
#include "server/scheduler/step.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class StepDrainTest : public ::testing::Test {
 protected:
  StepDrainTest() {
    world_.options().concurrent_prepares = 1;
    world_.Restart();
  }

  void Drain(bool let_run = false) {
    ASSERT_TRUE(world_.answer(world_.Drain(let_run)).ok());
  }
  void Undrain() { ASSERT_TRUE(world_.answer(world_.Undrain()).ok()); }

  // The types of the newest step's events.
  std::vector<std::string> EventTypes() const {
    std::vector<std::string> types;
    for (const v1::Event& event : world_.events()) {
      types.push_back(event.type());
    }
    return types;
  }

  StepWorld world_{1};
};

TEST_F(StepDrainTest, ANewJobIsRefused) {
  Drain();
  const absl::Status refused = world_.answer(world_.Create("a", 1));
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(refused), "DRAINING");
  EXPECT_THAT(world_.disk(), IsEmpty());
  Undrain();
  EXPECT_TRUE(world_.answer(world_.Create("a", 1)).ok());
}

TEST_F(StepDrainTest, WhatIsLetRunGoesOnAndNothingFollowsIt) {
  world_.RunAttempt1("a", 1);
  world_.Create("b", 1);
  world_.Launched({"jobs/b", 0});
  Drain(/*let_run=*/true);
  EXPECT_THAT(world_.Effects(), IsEmpty());
  EXPECT_EQ(world_.job("a").state(), v1::Job::RUNNING);
  // A prepare that runs is not lost either.
  world_.Prepared("b");
  world_.ProcessEnded({"jobs/b", 0}, 0);
  world_.RanksEnded("a", 1, kOk);
  EXPECT_EQ(world_.job("a").state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(world_.job("b").state(), v1::Job::QUEUED);
  EXPECT_EQ(world_.job("b").pending_reason(), v1::Job::DRAINING);

  Undrain();
  EXPECT_EQ(world_.job("b").state(), v1::Job::STARTING);
}

TEST_F(StepDrainTest, APrepareWaitsToo) {
  world_.Create("a", 1);
  world_.Create("b", 1);
  world_.Create("c", 1);
  Drain();
  EXPECT_EQ(world_.job("b").pending_reason(), v1::Job::DRAINING);
  world_.Launched({"jobs/a", 0});
  world_.Prepared("a");
  EXPECT_EQ(world_.job("b").state(), v1::Job::QUEUED);

  Undrain();
  EXPECT_EQ(world_.job("a").state(), v1::Job::STARTING);
  EXPECT_EQ(world_.job("b").state(), v1::Job::PREPARING);
  EXPECT_EQ(world_.job("c").pending_reason(), v1::Job::PREPARATION);
}

TEST_F(StepDrainTest, AFailedAttemptIsTriedAgainAfterIt) {
  world_.RunAttempt1("a", 1);
  Drain(/*let_run=*/true);
  world_.RanksEnded("a", 1, kFailure);
  world_.Advance(absl::Minutes(2));
  EXPECT_EQ(world_.job("a").state(), v1::Job::QUEUED);
  EXPECT_EQ(world_.job("a").pending_reason(), v1::Job::DRAINING);
  Undrain();
  EXPECT_EQ(world_.job("a").state(), v1::Job::STARTING);
}

TEST_F(StepDrainTest, ItOutlivesTheCoordinator) {
  world_.RunAttempt1("a", 1);
  Drain(/*let_run=*/true);
  world_.Restart();
  world_.RanksEnded("a", 1, kFailure);
  world_.Advance(absl::Minutes(2));
  EXPECT_EQ(world_.job("a").state(), v1::Job::QUEUED);
  Undrain();
  world_.Restart();
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(world_.job("a").state(), v1::Job::STARTING);
}

TEST_F(StepDrainTest, ASecondDrainIsNoChange) {
  world_.Create("a", 1);
  world_.Create("b", 1);
  Drain();
  const std::string etag = world_.job("b").etag();
  Drain();
  EXPECT_EQ(world_.job("b").etag(), etag);
  EXPECT_THAT(world_.events(), IsEmpty());
}

TEST_F(StepDrainTest, WhatTrainsWritesACheckpointAndGoesOnFromIt) {
  world_.RunAttempt1("a", 1);
  Drain();
  EXPECT_THAT(world_.Effects(), ElementsAre("checkpoint and stop jobs/a/1"));
  EXPECT_EQ(world_.job("a").attempts(0).state(), v1::Attempt::DRAINING);
  EXPECT_TRUE(world_.record("a").processes(1).drained());

  EXPECT_TRUE(world_.answer(world_.Checkpoint("a", 1, 7, true)).ok());
  world_.RanksEnded("a", 1, kStopped);
  const v1::Job& job = world_.job("a");
  EXPECT_EQ(job.attempts(0).end_cause(), v1::Attempt::PREEMPTED);
  EXPECT_EQ(job.restarts(), 0);
  EXPECT_EQ(job.state(), v1::Job::QUEUED);
  EXPECT_EQ(job.pending_reason(), v1::Job::DRAINING);
  EXPECT_THAT(world_.events()[1].message(), HasSubstr("goes on from step 7"));

  // At once: it did not fail.
  Undrain();
  EXPECT_EQ(world_.job("a").state(), v1::Job::STARTING);
  EXPECT_EQ(world_.job("a").attempts(1).resume_step(), 7);
}

TEST_F(StepDrainTest, RanksThatHaveNotJoinedAreStoppedAtOnce) {
  world_.Create("a", 1);
  world_.Launched({"jobs/a", 0});
  world_.Prepared("a");
  world_.ProcessEnded({"jobs/a", 0}, 0);
  world_.Launched({"jobs/a", 1});
  Drain();
  EXPECT_THAT(world_.Effects(),
              ElementsAre("stop jobs/a/1", "terminate jobs/a/1"));
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(world_.job("a").attempts(0).end_cause(), v1::Attempt::PREEMPTED);
  EXPECT_EQ(world_.job("a").state(), v1::Job::QUEUED);
}

TEST_F(StepDrainTest, WithoutACheckpointInTimeTheRanksAreKilled) {
  world_.RunAttempt1("a", 1);
  world_.Checkpoint("a", 1, 5, true);
  Drain();
  world_.Advance(world_.options().drain_grace - absl::Milliseconds(1));
  EXPECT_THAT(world_.Effects(), IsEmpty());
  world_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(world_.Effects(), ElementsAre("stop jobs/a/1 without grace"));
  EXPECT_THAT(EventTypes(), ElementsAre("CHECKPOINT_MISSED"));
  world_.Advance(world_.options().kill_after_grace - absl::Milliseconds(1));
  EXPECT_THAT(world_.Effects(), IsEmpty());
  world_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(world_.Effects(), ElementsAre("kill jobs/a/1"));
  EXPECT_THAT(EventTypes(), IsEmpty());
  world_.Advance(absl::Minutes(1));
  EXPECT_THAT(world_.Effects(), IsEmpty());
  // The supervisor is killed with them, and leaves no exit file.
  world_.ProcessEnded({"jobs/a", 1}, 0, /*signal=*/9);
  const v1::Job& job = world_.job("a");
  EXPECT_EQ(job.attempts(0).end_cause(), v1::Attempt::PREEMPTED);
  EXPECT_THAT(job.attempts(0).end_message(), HasSubstr("within 30s"));
  EXPECT_EQ(job.restarts(), 0);
  Undrain();
  EXPECT_EQ(world_.job("a").attempts(1).resume_step(), 5);
}

TEST_F(StepDrainTest, ARestartAsksForTheCheckpointAgain) {
  world_.RunAttempt1("a", 1);
  Drain();
  world_.Restart();
  EXPECT_THAT(world_.Effects(), Contains("checkpoint and stop jobs/a/1"));
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(world_.job("a").attempts(0).end_cause(), v1::Attempt::PREEMPTED);
}

TEST_F(StepDrainTest, AFailureMeanwhileIsAFailure) {
  world_.RunAttempt1("a", 1, /*max_restarts=*/0);
  Drain();
  world_.Failed("a", 1, 0, v1::Attempt::STORAGE_FULL, "no space");
  world_.RanksEnded("a", 1, kStorageFull);
  EXPECT_EQ(world_.job("a").attempts(0).end_cause(), v1::Attempt::STORAGE_FULL);
  EXPECT_EQ(world_.job("a").state(), v1::Job::FAILED);
}

TEST_F(StepDrainTest, ALastStepThatIsDoneIsASuccess) {
  world_.RunAttempt1("a", 1);
  Drain();
  world_.RanksEnded("a", 1, kOk);
  EXPECT_EQ(world_.job("a").state(), v1::Job::SUCCEEDED);
}

TEST_F(StepDrainTest, ACancelMeanwhileIsACancel) {
  world_.RunAttempt1("a", 1);
  Drain();
  world_.Cancel("a");
  EXPECT_THAT(world_.Effects(),
              ElementsAre("stop jobs/a/1", "terminate jobs/a/1"));
  world_.Advance(absl::Minutes(2));
  EXPECT_THAT(world_.Effects(), ElementsAre("kill jobs/a/1"));
  EXPECT_THAT(EventTypes(), Not(Contains("CHECKPOINT_MISSED")));
  world_.Restart();
  EXPECT_THAT(world_.Effects(), Contains("terminate jobs/a/1"));
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(world_.job("a").state(), v1::Job::CANCELLED);
}

TEST_F(StepDrainTest, WhatWasLetRunIsStoppedByASecondDrain) {
  world_.RunAttempt1("a", 1);
  Drain(/*let_run=*/true);
  EXPECT_THAT(world_.Effects(), IsEmpty());
  Drain();
  EXPECT_THAT(world_.Effects(), ElementsAre("checkpoint and stop jobs/a/1"));
  // Once is enough.
  Drain();
  EXPECT_THAT(world_.Effects(), IsEmpty());
  EXPECT_THAT(world_.events(), IsEmpty());
}

TEST_F(StepDrainTest, WhatIsAskedToStopStopsThoughTheDrainEnds) {
  world_.RunAttempt1("a", 1);
  Drain();
  Undrain();
  EXPECT_EQ(world_.job("a").attempts(0).state(), v1::Attempt::DRAINING);
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(world_.job("a").state(), v1::Job::STARTING);
}

}  // namespace
}  // namespace lockstep
