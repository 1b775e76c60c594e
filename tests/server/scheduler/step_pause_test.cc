// A pause and its end, in every phase of a job.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/exit_code.h"
#include "server/scheduler/step.h"
#include "server/scheduler/step_parts.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class StepPauseTest : public ::testing::Test {
 protected:
  void Pause(const std::string& id) {
    ASSERT_TRUE(world_.answer(world_.Pause(id)).ok());
  }
  void Resume(const std::string& id) {
    ASSERT_TRUE(world_.answer(world_.Resume(id)).ok());
  }
  v1::Job::State StateOf(const std::string& id) const {
    return world_.job(id).state();
  }
  // Trains, with a checkpoint of step 7, until it is paused.
  void PauseTraining() {
    world_.RunAttempt1("a", 1);
    Pause("a");
    ASSERT_TRUE(world_.answer(world_.Checkpoint("a", 1, 7, true)).ok());
  }

  StepWorld world_{1};
};

TEST_F(StepPauseTest, WhatDoesNotExistIsNotFound) {
  EXPECT_EQ(ErrorReason(world_.answer(world_.Pause("a"))), "JOB_NOT_FOUND");
  EXPECT_EQ(ErrorReason(world_.answer(world_.Resume("a"))), "JOB_NOT_FOUND");
}

TEST_F(StepPauseTest, AnotherEtagIsRefused) {
  world_.RunAttempt1("a", 1);
  EXPECT_EQ(ErrorReason(world_.answer(world_.Pause("a", "1-00000000"))),
            "ETAG_MISMATCH");
  EXPECT_EQ(StateOf("a"), v1::Job::RUNNING);
  EXPECT_TRUE(world_.answer(world_.Pause("a", world_.job("a").etag())).ok());
  EXPECT_EQ(ErrorReason(world_.answer(world_.Resume("a", "1-00000000"))),
            "ETAG_MISMATCH");
}

TEST_F(StepPauseTest, WhatTrainsWritesACheckpointAndHolds) {
  world_.RunAttempt1("a", 1);
  Pause("a");
  EXPECT_THAT(world_.Effects(), ElementsAre("checkpoint and stop jobs/a/1"));
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSING);
  EXPECT_EQ(world_.job("a").desired(), v1::Job::PAUSE);

  EXPECT_TRUE(world_.answer(world_.Checkpoint("a", 1, 7, true)).ok());
  world_.RanksEnded("a", 1, kStopped);
  const v1::Job& job = world_.job("a");
  EXPECT_EQ(job.state(), v1::Job::PAUSED);
  EXPECT_EQ(job.attempts(0).end_cause(), v1::Attempt::PAUSED);
  EXPECT_EQ(job.attempts(0).end_message(),
            "paused by a user; its newest checkpoint is of step 7");
  EXPECT_EQ(job.restarts(), 0);
  world_.Advance(absl::Hours(100));
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);

  Resume("a");
  EXPECT_EQ(StateOf("a"), v1::Job::STARTING);
  EXPECT_EQ(world_.job("a").desired(), v1::Job::RUN);
  EXPECT_EQ(world_.job("a").attempts(1).resume_step(), 7);
}

TEST_F(StepPauseTest, DevicesAreFreeWhenTheProcessesAreGoneAndNoSooner) {
  world_.RunAttempt1("a", 1);
  world_.Create("b", 1);
  world_.Launched({"jobs/b", 0});
  world_.Prepared("b");
  Pause("a");
  world_.Checkpoint("a", 1, 7, true);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(StateOf("b"), v1::Job::QUEUED);
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(StateOf("b"), v1::Job::STARTING);
}

TEST_F(StepPauseTest, ItIsDoneOnce) {
  world_.RunAttempt1("a", 1);
  Pause("a");
  Pause("a");
  EXPECT_THAT(world_.Effects(), IsEmpty());
  EXPECT_THAT(world_.events(), IsEmpty());
  world_.RanksEnded("a", 1, kStopped);
  Pause("a");
  EXPECT_THAT(world_.events(), IsEmpty());
  Resume("a");
  Resume("a");
  EXPECT_THAT(world_.events(), IsEmpty());
}

TEST_F(StepPauseTest, AJobThatNeverHeldIsNotResumed) {
  world_.RunAttempt1("a", 1);
  Resume("a");
  EXPECT_THAT(world_.events(), IsEmpty());
  EXPECT_EQ(StateOf("a"), v1::Job::RUNNING);
}

TEST_F(StepPauseTest, RanksThatHaveNotJoinedAreStoppedAtOnce) {
  world_.Create("a", 1);
  world_.Launched({"jobs/a", 0});
  world_.Prepared("a");
  world_.ProcessEnded({"jobs/a", 0}, 0);
  world_.Launched({"jobs/a", 1});
  Pause("a");
  EXPECT_THAT(world_.Effects(),
              ElementsAre("stop jobs/a/1", "terminate jobs/a/1"));
  // A step under way does not bring it back.
  world_.Progress("a", 1, 1);
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSING);
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
  EXPECT_EQ(world_.job("a").attempts(0).end_cause(), v1::Attempt::PAUSED);
}

TEST_F(StepPauseTest, WithoutACheckpointInTimeTheRanksAreKilled) {
  world_.RunAttempt1("a", 1);
  world_.Checkpoint("a", 1, 5, true);
  Pause("a");
  world_.Advance(world_.options().drain_grace);
  EXPECT_THAT(world_.Effects(), ElementsAre("stop jobs/a/1 without grace"));
  ASSERT_THAT(world_.events(), SizeIs(1));
  EXPECT_EQ(world_.events()[0].type(), "CHECKPOINT_MISSED");
  world_.RanksEnded("a", 1, kFailure);
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
  EXPECT_EQ(world_.job("a").attempts(0).end_cause(), v1::Attempt::PAUSED);
  Resume("a");
  EXPECT_EQ(world_.job("a").attempts(1).resume_step(), 5);
}

TEST_F(StepPauseTest, PrepareIsKilledAndDoneAgain) {
  world_.Create("a", 1);
  world_.Launched({"jobs/a", 0});
  Pause("a");
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSING);
  EXPECT_THAT(world_.Effects(), ElementsAre("close jobs/a/0", "kill jobs/a/0"));
  // Its report comes too late.
  world_.Prepared("a");
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSING);
  world_.ProcessEnded({"jobs/a", 0}, 0, /*signal=*/9);
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
  Resume("a");
  EXPECT_EQ(StateOf("a"), v1::Job::PREPARING);
  EXPECT_THAT(world_.Effects(), Contains("launch jobs/a/0"));
}

TEST_F(StepPauseTest, APrepareThatIsResumedWhileItStopsIsDoneAgain) {
  world_.Create("a", 1);
  world_.Launched({"jobs/a", 0});
  Pause("a");
  Resume("a");
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSING);
  world_.ProcessEnded({"jobs/a", 0}, 0, /*signal=*/9);
  EXPECT_EQ(StateOf("a"), v1::Job::PREPARING);
}

TEST_F(StepPauseTest, AJobThatWaitsJustStopsWaiting) {
  world_.RunAttempt1("a", 1);
  world_.Create("b", 1);
  world_.Launched({"jobs/b", 0});
  world_.Prepared("b");
  Pause("b");
  EXPECT_EQ(StateOf("b"), v1::Job::PAUSED);
  EXPECT_EQ(world_.job("b").pending_reason(),
            v1::Job::PENDING_REASON_UNSPECIFIED);
  world_.RanksEnded("a", 1, kOk);
  EXPECT_EQ(StateOf("b"), v1::Job::PAUSED);
  Resume("b");
  EXPECT_EQ(StateOf("b"), v1::Job::STARTING);
}

TEST_F(StepPauseTest, OneThatIsNotPreparedIsPreparedWhenItIsResumed) {
  world_.options().concurrent_prepares = 0;
  world_.Restart();
  world_.Create("a", 1);
  Pause("a");
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
  Resume("a");
  EXPECT_EQ(StateOf("a"), v1::Job::QUEUED);
  EXPECT_EQ(world_.job("a").pending_reason(), v1::Job::PREPARATION);
}

TEST_F(StepPauseTest, ItWaitsAgainByItsAge) {
  PauseTraining();
  world_.RanksEnded("a", 1, kStopped);
  world_.RunAttempt1("b", 1);
  world_.Create("c", 1);
  world_.Launched({"jobs/c", 0});
  world_.Prepared("c");
  Resume("a");
  EXPECT_EQ(world_.job("a").pending_reason(), v1::Job::CAPACITY);
  EXPECT_EQ(world_.job("c").pending_reason(), v1::Job::PRIORITY);
  world_.RanksEnded("b", 1, kOk);
  EXPECT_EQ(StateOf("a"), v1::Job::STARTING);
}

TEST_F(StepPauseTest, AfterAFailureItIsResumedAtOnce) {
  world_.RunAttempt1("a", 1);
  world_.RanksEnded("a", 1, kFailure);
  ASSERT_EQ(world_.job("a").pending_reason(), v1::Job::BACKOFF);
  Pause("a");
  EXPECT_FALSE(world_.record("a").has_not_before());
  Resume("a");
  EXPECT_EQ(StateOf("a"), v1::Job::STARTING);
}

TEST_F(StepPauseTest, ResumedWhileItStopsItWaitsAgainWhenItHas) {
  PauseTraining();
  Resume("a");
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSING);
  EXPECT_EQ(world_.job("a").desired(), v1::Job::RUN);
  EXPECT_THAT(world_.Effects(), IsEmpty());
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(world_.job("a").attempts(0).end_cause(), v1::Attempt::PAUSED);
  EXPECT_EQ(StateOf("a"), v1::Job::STARTING);
  EXPECT_EQ(world_.job("a").attempts(1).resume_step(), 7);
}

TEST_F(StepPauseTest, TheLastWordCounts) {
  PauseTraining();
  Resume("a");
  Pause("a");
  EXPECT_THAT(world_.Effects(), IsEmpty());
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
}

TEST_F(StepPauseTest, ARestartAsksForTheCheckpointAgain) {
  world_.RunAttempt1("a", 1);
  Pause("a");
  world_.Restart();
  EXPECT_THAT(world_.Effects(), Contains("checkpoint and stop jobs/a/1"));
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
  EXPECT_EQ(world_.job("a").attempts(0).end_cause(), v1::Attempt::PAUSED);
  world_.Restart();
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
  Resume("a");
  world_.Restart();
  EXPECT_EQ(StateOf("a"), v1::Job::STARTING);
}

TEST_F(StepPauseTest, ARestartKnowsThatItWasResumedWhileItStopped) {
  PauseTraining();
  Resume("a");
  world_.Restart();
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(StateOf("a"), v1::Job::STARTING);
}

TEST_F(StepPauseTest, ARestartKillsThePrepareAgain) {
  world_.Create("a", 1);
  world_.Launched({"jobs/a", 0});
  Pause("a");
  world_.Restart();
  EXPECT_THAT(world_.Effects(), ElementsAre("kill jobs/a/0"));
  world_.ProcessEnded({"jobs/a", 0}, 0, /*signal=*/9);
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
}

TEST_F(StepPauseTest, AFinishMayWinTheRace) {
  world_.RunAttempt1("a", 1);
  Pause("a");
  world_.RanksEnded("a", 1, kOk);
  EXPECT_EQ(StateOf("a"), v1::Job::SUCCEEDED);
}

TEST_F(StepPauseTest, AFailureMeanwhileCountsAndItHoldsAllTheSame) {
  world_.RunAttempt1("a", 1, /*max_restarts=*/1);
  Pause("a");
  world_.Failed("a", 1, 0, v1::Attempt::STORAGE_FULL, "no space");
  world_.RanksEnded("a", 1, kStorageFull);
  EXPECT_EQ(world_.job("a").attempts(0).end_cause(), v1::Attempt::STORAGE_FULL);
  EXPECT_EQ(world_.job("a").restarts(), 1);
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
}

TEST_F(StepPauseTest, AFailureThatEndsAJobEndsIt) {
  world_.RunAttempt1("a", 1, /*max_restarts=*/0);
  Pause("a");
  world_.RanksEnded("a", 1, kStorageFull);
  EXPECT_EQ(StateOf("a"), v1::Job::FAILED);
}

TEST_F(StepPauseTest, WhatIsPausedIsCancelledAtOnce) {
  PauseTraining();
  world_.RanksEnded("a", 1, kStopped);
  world_.Cancel("a");
  EXPECT_EQ(StateOf("a"), v1::Job::CANCELLED);
}

TEST_F(StepPauseTest, ACancelOfWhatIsPausingStopsItWithoutACheckpoint) {
  world_.RunAttempt1("a", 1);
  Pause("a");
  world_.Cancel("a");
  EXPECT_EQ(StateOf("a"), v1::Job::CANCELLING);
  EXPECT_THAT(world_.Effects(),
              ElementsAre("stop jobs/a/1", "terminate jobs/a/1"));
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(StateOf("a"), v1::Job::CANCELLED);
}

TEST_F(StepPauseTest, ACancelOfAPausingPrepareWaitsForItsEnd) {
  world_.Create("a", 1);
  world_.Launched({"jobs/a", 0});
  Pause("a");
  world_.Cancel("a");
  EXPECT_EQ(StateOf("a"), v1::Job::CANCELLING);
  world_.ProcessEnded({"jobs/a", 0}, 0, /*signal=*/9);
  EXPECT_EQ(StateOf("a"), v1::Job::CANCELLED);
}

TEST_F(StepPauseTest, WhatHasEndedOrIsCancelledIsNeitherPausedNorResumed) {
  world_.RunAttempt1("a", 1);
  world_.Cancel("a");
  const absl::Status pause = world_.answer(world_.Pause("a"));
  EXPECT_EQ(pause.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(pause), "JOB_ENDED");
  EXPECT_THAT(pause.message(), HasSubstr("is CANCELLING"));
  EXPECT_EQ(ErrorReason(world_.answer(world_.Resume("a"))), "JOB_ENDED");
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(ErrorReason(world_.answer(world_.Pause("a"))), "JOB_ENDED");
  EXPECT_THAT(world_.answer(world_.Resume("a")).message(),
              HasSubstr("is CANCELLED"));
}

TEST_F(StepPauseTest, WhatIsPausedIsNotDeleted) {
  PauseTraining();
  EXPECT_EQ(ErrorReason(world_.answer(world_.Delete("a"))), "JOB_NOT_ENDED");
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(ErrorReason(world_.answer(world_.Delete("a"))), "JOB_NOT_ENDED");
}

TEST_F(StepPauseTest, ADrainLeavesWhatIsPausedAlone) {
  PauseTraining();
  world_.Drain();
  EXPECT_THAT(world_.Effects(), IsEmpty());
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
  Resume("a");
  EXPECT_EQ(StateOf("a"), v1::Job::QUEUED);
  EXPECT_EQ(world_.job("a").pending_reason(), v1::Job::DRAINING);
  Pause("a");
  world_.Undrain();
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
  Resume("a");
  EXPECT_EQ(StateOf("a"), v1::Job::STARTING);
}

TEST_F(StepPauseTest, WhatADrainStopsHoldsWhenItIsPausedMeanwhile) {
  world_.RunAttempt1("a", 1);
  world_.Drain();
  Pause("a");
  EXPECT_THAT(world_.Effects(), IsEmpty());
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSING);
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(world_.job("a").attempts(0).end_cause(), v1::Attempt::PREEMPTED);
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
  world_.Undrain();
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
}

TEST_F(StepPauseTest, AnOlderReleasesOrderToStopIsADrain) {
  server::JobRecord record;
  record.mutable_job()->set_attempt(1);
  record.add_processes()->set_attempt(1);
  JobEntry entry;
  entry.record = RowDraft(record);
  EXPECT_FALSE(OrderOnDisk(entry).has_value());
  record.mutable_processes(0)->set_drained(true);
  entry.record = RowDraft(record);
  EXPECT_EQ(OrderOnDisk(entry)->cause, v1::Attempt::PREEMPTED);
}

}  // namespace
}  // namespace lockstep
