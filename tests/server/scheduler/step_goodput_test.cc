// Where the time of jobs goes, by what Step hears.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using worker::v1::PHASE_EVALUATING;
using worker::v1::PHASE_EXPORTING;
using worker::v1::PHASE_LOADING;
using worker::v1::PHASE_SAVING;
using worker::v1::PHASE_TRAINING;

constexpr absl::Duration kSecond = absl::Seconds(1);

// jobs/a in attempt 1, whose ranks have joined: 2 s of preparation, 3 s of
// starting.
void Start(StepWorld& world) {
  world.Create("a", 2);
  world.Launched({"jobs/a", 0});
  world.Advance(2 * kSecond);
  world.Prepared("a");
  world.ProcessEnded({"jobs/a", 0}, 0);
  world.Launched({"jobs/a", 1});
  world.Attached("a", 1, /*ended=*/false);
  world.Advance(3 * kSecond);
  world.Joined("a", 1);
}

TEST(StepGoodputTest, EachPhaseHasItsShare) {
  StepWorld world(2);
  Start(world);
  world.Heard("a", 1, PHASE_LOADING, 0);
  world.Heard("a", 1, PHASE_TRAINING, 0);
  world.Advance(kSecond);
  world.Progress("a", 1, 1);
  world.Advance(10 * kSecond);
  world.Heard("a", 1, PHASE_EVALUATING, 11);
  world.Advance(4 * kSecond);
  world.Heard("a", 1, PHASE_SAVING, 11);
  world.Advance(2 * kSecond);
  world.Checkpoint("a", 1, 11, /*commit=*/true);
  world.Heard("a", 1, PHASE_TRAINING, 11);
  world.Advance(7 * kSecond);
  world.Heard("a", 1, PHASE_EXPORTING, 18);
  world.Advance(kSecond);
  world.RanksEnded("a", 1, 0);
  world.Advance(99 * kSecond);

  EXPECT_THAT(world.Shares("a"),
              ElementsAre("PREPARE  2s", "START SUBMITTED 4s", "TRAIN  17s",
                          "CHECKPOINT  2s", "EVALUATE  4s", "EXPORT  1s"));
  const v1::Goodput& goodput = world.job("a").goodput();
  EXPECT_DOUBLE_EQ(goodput.ratio(), 17.0 / 28);
}

// When steps are logged rarely, heartbeats say that one is done.
TEST(StepGoodputTest, AHeartbeatAfterTheFirstStepEndsTheStart) {
  StepWorld world(2);
  Start(world);
  // Where it goes on from is no step of its own.
  world.Heard("a", 1, PHASE_LOADING, 7);
  world.Heard("a", 1, PHASE_TRAINING, 7);
  world.Advance(5 * kSecond);
  world.Heard("a", 1, PHASE_TRAINING, 8);
  world.Advance(5 * kSecond);
  EXPECT_THAT(world.Shares("a"),
              ElementsAre("PREPARE  2s", "START SUBMITTED 8s", "TRAIN  5s"));
}

// Messages are rarer than phases: what was between two of them comes with the
// second.
TEST(StepGoodputTest, AShortPhaseHasTheShareThatItTook) {
  StepWorld world(2);
  Start(world);
  world.Progress("a", 1, 1);
  world.Advance(10 * kSecond);
  // It began to save just now, and was done soon.
  world.Heard("a", 1, PHASE_SAVING, 11);
  world.Advance(3 * kSecond);
  world.HeardOfOthers("a", 1, PHASE_TRAINING, 14, PHASE_TRAINING, 2 * kSecond);
  EXPECT_THAT(world.Effects(), ElementsAre("time of jobs/a"));
  EXPECT_THAT(world.Shares("a"),
              AllOf(Contains("TRAIN  12s"), Contains("CHECKPOINT  1s")));
  // No message said that it saved.
  world.Advance(5 * kSecond);
  world.HeardOfOthers("a", 1, PHASE_TRAINING, 18, PHASE_SAVING, kSecond);
  EXPECT_THAT(world.Effects(), ElementsAre("time of jobs/a"));
  EXPECT_THAT(world.Shares("a"),
              AllOf(Contains("TRAIN  16s"), Contains("CHECKPOINT  2s")));
  // What was kept is not lost, and the rest is.
  world.Checkpoint("a", 1, 18, /*commit=*/true);
  world.Advance(kSecond);
  world.Progress("a", 1, 19);
  world.RanksEnded("a", 1, 1);
  EXPECT_THAT(world.Shares("a"),
              AllOf(Contains("TRAIN  16s"), Contains("LOST WORKER_CRASH 1s")));
}

// A checkpoint is written while training goes on, and may be listed before the
// heartbeat that tells of a phase before it.
TEST(StepGoodputTest, WhatWasKeptIsNoMoreThanWasTrained) {
  StepWorld world(2);
  Start(world);
  world.Progress("a", 1, 1);
  world.Advance(10 * kSecond);
  world.Progress("a", 1, 11);
  world.Checkpoint("a", 1, 11, /*commit=*/true);
  world.HeardOfOthers("a", 1, PHASE_TRAINING, 11, PHASE_EVALUATING,
                      4 * kSecond);
  world.RanksEnded("a", 1, 1);
  EXPECT_THAT(world.Shares("a"),
              ElementsAre("PREPARE  2s", "START SUBMITTED 3s", "TRAIN  6s",
                          "EVALUATE  4s"));
}

TEST(StepGoodputTest, NoMoreIsCountedElsewhereThanThereIs) {
  StepWorld world(2);
  Start(world);
  // Its start is not made of phases.
  world.HeardOfOthers("a", 1, PHASE_LOADING, 0, PHASE_SAVING, kSecond);
  world.Progress("a", 1, 1);
  world.Advance(2 * kSecond);
  world.HeardOfOthers("a", 1, PHASE_TRAINING, 3, PHASE_SAVING, 9 * kSecond);
  world.HeardOfOthers("a", 1, PHASE_TRAINING, 3, PHASE_SAVING, -kSecond);
  EXPECT_THAT(
      world.Shares("a"),
      ElementsAre("PREPARE  2s", "START SUBMITTED 3s", "CHECKPOINT  2s"));
}

TEST(StepGoodputTest, APhaseIsShownAndWritesNothing) {
  StepWorld world(2);
  Start(world);
  world.Progress("a", 1, 1);
  const server::JobRecord before = world.record("a");
  world.Advance(kSecond);

  world.Heard("a", 1, PHASE_SAVING, 1);

  EXPECT_THAT(world.Effects(), ElementsAre("time of jobs/a"));
  EXPECT_THAT(world.events(), IsEmpty());
  EXPECT_EQ(world.record("a").version(), before.version());
  // A step of the same phase shows nothing new.
  world.Heard("a", 1, PHASE_SAVING, 2);
  EXPECT_THAT(world.Effects(), IsEmpty());
}

TEST(StepGoodputTest, OtherRanksAndOlderAttemptsSayNothing) {
  StepWorld world(2);
  Start(world);
  world.Progress("a", 1, 1);
  world.Heard("a", 1, PHASE_SAVING, 1, /*rank=*/1);
  world.Heard("a", 2, PHASE_SAVING, 1);
  world.Heard("none", 1, PHASE_SAVING, 1);
  world.Advance(kSecond);
  EXPECT_THAT(world.Shares("a"), Contains("TRAIN  1s"));
}

TEST(StepGoodputTest, ACrashLosesWhatNoCheckpointHas) {
  StepWorld world(2);
  Start(world);
  world.Progress("a", 1, 1);
  world.Advance(10 * kSecond);
  world.Progress("a", 1, 11);
  world.Checkpoint("a", 1, 11, /*commit=*/true);
  world.Advance(5 * kSecond);
  world.Progress("a", 1, 16);
  world.Advance(kSecond);
  world.RanksEnded("a", 1, 1);
  // The pause after it, and the second attempt.
  world.Advance(kSecond);
  world.Launched({"jobs/a", 2});
  world.Attached("a", 2, /*ended=*/false);
  world.Joined("a", 2);
  world.Advance(3 * kSecond);
  world.Progress("a", 2, 12);
  world.Advance(4 * kSecond);

  EXPECT_THAT(
      world.Shares("a"),
      ElementsAre("QUEUE BACKOFF 1s", "PREPARE  2s", "START SUBMITTED 3s",
                  "START WORKER_CRASH 3s", "TRAIN  14s", "LOST WORKER_CRASH 5s",
                  "IDLE WORKER_CRASH 1s"));
}

TEST(StepGoodputTest, AllIsLostOfAJobThatNeverResumes) {
  StepWorld world(2);
  v1::JobSpec spec;
  spec.mutable_resources()->set_ranks(1);
  spec.mutable_checkpoint()->set_resume(v1::CheckpointSpec::RESUME_NEVER);
  spec.set_max_restarts(1);
  world.Create("a", spec);
  world.Prepare("a");
  world.Train("a", 1);
  world.Advance(10 * kSecond);
  world.Progress("a", 1, 11);
  world.Checkpoint("a", 1, 11, /*commit=*/true);
  world.RanksEnded("a", 1, 1);
  EXPECT_THAT(world.Shares("a"), ElementsAre("LOST WORKER_CRASH 10s"));
}

TEST(StepGoodputTest, ARestartForgetsNothingThatWasOnDisk) {
  StepWorld world(2);
  Start(world);
  world.Progress("a", 1, 1);
  world.Advance(10 * kSecond);
  world.Heard("a", 1, PHASE_SAVING, 11);
  world.Advance(kSecond);
  world.Checkpoint("a", 1, 11, /*commit=*/true);

  world.Restart();
  world.Advance(2 * kSecond);
  world.Heard("a", 1, PHASE_TRAINING, 11);
  world.Advance(3 * kSecond);
  // What it did since the checkpoint is lost, and no more.
  world.Progress("a", 1, 14);
  world.RanksEnded("a", 1, 1);

  EXPECT_THAT(world.Shares("a"),
              ElementsAre("PREPARE  2s", "START SUBMITTED 3s", "TRAIN  10s",
                          "LOST WORKER_CRASH 3s", "CHECKPOINT  3s"));
}

TEST(StepGoodputTest, WaitingHasItsReason) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Create("b", 1);
  world.Prepare("b");
  world.Advance(4 * kSecond);
  EXPECT_THAT(world.Shares("b"), ElementsAre("QUEUE CAPACITY 4s"));
  world.Pause("b");
  world.Advance(2 * kSecond);
  EXPECT_THAT(world.Shares("b"),
              ElementsAre("QUEUE CAPACITY 4s", "QUEUE PAUSED 2s"));
}

}  // namespace
}  // namespace lockstep
