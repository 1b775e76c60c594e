// Checkpoints: who may publish them, and what follows from them.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "server/scheduler/step.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST(StepCheckpointTest, TheNextAttemptGoesOnFromTheNewestCheckpoint) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Checkpoint("a", 1, 10, /*commit=*/true);
  world.RanksEnded("a", 1, 1);
  world.Advance(absl::Seconds(1));
  EXPECT_EQ(world.job("a").attempts(1).resume_step(), 10);
}

TEST(StepCheckpointTest, ARepeatedCallThatIsLateDoesNotTakeTheJobBack) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Checkpoint("a", 1, 10, /*commit=*/true);
  world.Checkpoint("a", 1, 20, /*commit=*/true);
  EXPECT_TRUE(world.answer(world.Checkpoint("a", 1, 10, true)).ok());
  world.RanksEnded("a", 1, 1);
  world.Advance(absl::Seconds(1));
  EXPECT_EQ(world.job("a").attempts(1).resume_step(), 20);
}

TEST(StepCheckpointTest, ACheckpointIsListedOnce) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  EXPECT_TRUE(world.answer(world.Checkpoint("a", 1, 10, false)).ok());
  EXPECT_THAT(world.checkpoints(), IsEmpty());
  EXPECT_TRUE(world.answer(world.Checkpoint("a", 1, 10, true)).ok());
  EXPECT_TRUE(world.answer(world.Checkpoint("a", 1, 10, true)).ok());
  ASSERT_THAT(world.checkpoints(), SizeIs(1));
  EXPECT_EQ(world.checkpoints()[0].name(), "jobs/a/checkpoints/10");
  EXPECT_EQ(world.checkpoints()[0].attempt(), 1);
}

TEST(StepCheckpointTest, AStaleAttemptPublishesNothing) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.RanksEnded("a", 1, 1);
  EXPECT_EQ(ErrorReason(world.answer(world.Checkpoint("a", 1, 10, false))),
            "ATTEMPT_SUPERSEDED");
  world.Advance(absl::Seconds(1));
  ASSERT_EQ(world.job("a").attempt(), 2);
  EXPECT_EQ(ErrorReason(world.answer(world.Checkpoint("a", 1, 10, false))),
            "ATTEMPT_SUPERSEDED");
  EXPECT_EQ(ErrorReason(world.answer(world.Checkpoint("a", 1, 10, true))),
            "ATTEMPT_SUPERSEDED");
  EXPECT_THAT(world.checkpoints(), IsEmpty());
  EXPECT_TRUE(world.answer(world.Checkpoint("a", 2, 10, true)).ok());
}

// Its folder is gone.
TEST(StepCheckpointTest, WhatIsUnlistedIsNotListedAgainByALateCall) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Checkpoint("a", 1, 10, /*commit=*/true);
  world.Checkpoint("a", 1, 20, /*commit=*/true);
  EXPECT_TRUE(world.answer(world.Unlist("a", 1, 10)).ok());

  EXPECT_EQ(ErrorReason(world.answer(world.Checkpoint("a", 1, 10, true))),
            "INVALID_CHECKPOINT");

  EXPECT_THAT(world.ListedSteps("a"), ElementsAre(20));
}

TEST(StepCheckpointTest, WhatIsUnlistedIsGoneOnceAndTheJournalSaysSo) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  for (const int64_t step : {10, 20, 30}) {
    world.Checkpoint("a", 1, step, /*commit=*/true);
  }

  EXPECT_TRUE(world.answer(world.Unlist("a", 1, 10)).ok());

  EXPECT_THAT(world.ListedSteps("a"), ElementsAre(20, 30));
  ASSERT_THAT(world.events(), SizeIs(1));
  EXPECT_EQ(world.events()[0].type(), "CHECKPOINT_UNLISTED");
  EXPECT_THAT(world.events()[0].message(), HasSubstr("step 10 is not kept"));
  // A retry, also one that a new daemon answers.
  EXPECT_TRUE(world.answer(world.Unlist("a", 1, 10)).ok());
  EXPECT_THAT(world.events(), IsEmpty());
  world.Restart();
  EXPECT_TRUE(world.answer(world.Unlist("a", 1, 10)).ok());
  EXPECT_THAT(world.events(), IsEmpty());
  EXPECT_TRUE(world.answer(world.Unlist("a", 1, 20)).ok());
  EXPECT_THAT(world.ListedSteps("a"), ElementsAre(30));
}

TEST(StepCheckpointTest, TheNewestStaysListed) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Checkpoint("a", 1, 10, /*commit=*/true);
  world.Checkpoint("a", 1, 20, /*commit=*/true);
  for (const int64_t step : {20, 30}) {
    const absl::Status answer = world.answer(world.Unlist("a", 1, step));
    EXPECT_EQ(ErrorReason(answer), "INVALID_CHECKPOINT");
    EXPECT_THAT(std::string(answer.message()),
                HasSubstr("only those before the newest, 20, can"));
  }
  EXPECT_THAT(world.ListedSteps("a"), ElementsAre(10, 20));
}

TEST(StepCheckpointTest, AStaleAttemptUnlistsNothing) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Checkpoint("a", 1, 10, /*commit=*/true);
  world.Checkpoint("a", 1, 20, /*commit=*/true);
  world.RanksEnded("a", 1, 1);
  EXPECT_EQ(ErrorReason(world.answer(world.Unlist("a", 1, 10))),
            "ATTEMPT_SUPERSEDED");
  world.Advance(absl::Seconds(1));
  EXPECT_EQ(ErrorReason(world.answer(world.Unlist("a", 1, 10))),
            "ATTEMPT_SUPERSEDED");
  EXPECT_THAT(world.ListedSteps("a"), ElementsAre(10, 20));
  EXPECT_TRUE(world.answer(world.Unlist("a", 2, 10)).ok());
}

TEST(StepPinTest, APinnedOneIsNotUnlisted) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  for (const int64_t step : {10, 20, 30}) {
    world.Checkpoint("a", 1, step, /*commit=*/true);
  }
  EXPECT_TRUE(world.answer(world.Pin("a", 10, true)).ok());
  ASSERT_THAT(world.events(), SizeIs(1));
  EXPECT_EQ(world.events()[0].type(), "CHECKPOINT_PINNED");
  // A second time is no change.
  EXPECT_TRUE(world.answer(world.Pin("a", 10, true)).ok());
  EXPECT_THAT(world.events(), IsEmpty());
  for (int life = 0; life < 2; ++life) {
    const absl::Status refused = world.answer(world.Unlist("a", 1, 10));
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ErrorReason(refused), "CHECKPOINT_PINNED");
    EXPECT_THAT(world.ListedSteps("a"), UnorderedElementsAre(10, 20, 30));
    world.Restart();
  }
  EXPECT_TRUE(world.answer(world.Pin("a", 10, false)).ok());
  EXPECT_TRUE(world.answer(world.Unlist("a", 1, 10)).ok());
  EXPECT_THAT(world.ListedSteps("a"), ElementsAre(20, 30));
}

TEST(StepPinTest, OneThatIsWrittenAgainStaysPinned) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Checkpoint("a", 1, 10, /*commit=*/true);
  world.Checkpoint("a", 1, 20, /*commit=*/true);
  world.Pin("a", 20, true);
  world.RanksEnded("a", 1, 1);
  world.Advance(absl::Seconds(1));
  // The second attempt could not read it, and comes by again.
  world.Checkpoint("a", 2, 20, /*commit=*/true);
  world.Checkpoint("a", 2, 30, /*commit=*/true);
  EXPECT_EQ(ErrorReason(world.answer(world.Unlist("a", 2, 20))),
            "CHECKPOINT_PINNED");
}

TEST(StepPinTest, OnlyWhatIsListedOfAJobThatGoesOnIsPinned) {
  StepWorld world(1);
  EXPECT_EQ(ErrorReason(world.answer(world.Pin("a", 10, true))),
            "JOB_NOT_FOUND");
  world.RunAttempt1("a", 1);
  world.Checkpoint("a", 1, 10, /*commit=*/true);
  const absl::Status missing = world.answer(world.Pin("a", 11, true));
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrorReason(missing), "CHECKPOINT_NOT_FOUND");
  EXPECT_THAT(std::string(missing.message()),
              HasSubstr("jobs/a/checkpoints/11"));
  world.RanksEnded("a", 1, 0);
  EXPECT_EQ(ErrorReason(world.answer(world.Pin("a", 10, true))), "JOB_ENDED");
}

TEST(StepCheckpointTest, APhaseThatIsNoneIsRefused) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  CheckpointEvent event{.ticket = 100};
  event.caller.set_job("jobs/a");
  event.caller.set_attempt(1);
  event.checkpoint.set_step(3);
  world.Do(event);
  EXPECT_THAT(std::string(world.answer(100).message()),
              HasSubstr("0 is none of PHASE_GRANT"));
}

TEST(StepCheckpointTest, ACheckpointSaysWhereItIsAndWhatItHolds) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  EXPECT_EQ(ErrorReason(world.answer(world.Checkpoint("a", 1, 0, false))),
            "INVALID_CHECKPOINT");
  CheckpointEvent event{.ticket = 100};
  event.caller.set_job("jobs/a");
  event.caller.set_attempt(1);
  event.phase = worker::v1::CommitCheckpointRequest::PHASE_COMMIT;
  event.checkpoint.set_step(3);
  event.checkpoint.set_path("out");
  world.Do(event);
  EXPECT_THAT(std::string(world.answer(100).message()),
              HasSubstr("\"out\" is not an absolute path"));
  event.ticket = 101;
  event.checkpoint.set_path("/out");
  world.Do(event);
  EXPECT_THAT(std::string(world.answer(101).message()),
              HasSubstr("manifest_sha256: has 0 characters"));
}

}  // namespace
}  // namespace lockstep
