// A restart of the coordinator.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/step.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::SizeIs;

TEST(StepRestoreTest, NothingNewIsDecidedBeforeWhatLivesIsKnown) {
  StepWorld world(2);
  world.Create("a", 1);
  world.RunAttempt1("b", 1);
  world.Restart();
  EXPECT_THAT(world.Effects(),
              ElementsAre("token of jobs/a/0", "token of jobs/b/1",
                          "open jobs/b/1 for 1 joined"));
  EXPECT_EQ(world.job("a").state(), v1::Job::PREPARING);
  EXPECT_EQ(world.job("b").state(), v1::Job::RUNNING);
}

TEST(StepRestoreTest, RanksThatHaveNotJoinedAreWaitedFor) {
  StepWorld world(1);
  world.Create("a", 1);
  world.Prepared("a");
  world.Attached("a", 1, /*ended=*/false);
  world.Restart();
  EXPECT_THAT(world.Effects(), Contains("open jobs/a/1 for 1"));
  world.Joined("a", 1);
  world.Restart();
  EXPECT_THAT(world.Effects(), Contains("open jobs/a/1 for 1 joined"));
}

TEST(StepRestoreTest, AnAdoptedAttemptGoesOn) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Restart();
  world.Checkpoint("a", 1, 20, /*commit=*/true);
  EXPECT_THAT(world.checkpoints(), SizeIs(1));
  world.RanksEnded("a", 1, 0);
  EXPECT_EQ(world.job("a").state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(world.job("a").restarts(), 0);
}

TEST(StepRestoreTest, AnIntentThatNeverBecameAProcessIsDoneAgain) {
  StepWorld world(1);
  world.Create("a", 1);
  world.Prepared("a");
  // On disk, and then the power went.
  world.Restart();
  world.ProcessEnded({"jobs/a", 1}, 0);
  EXPECT_EQ(world.job("a").attempts(0).end_cause(), v1::Attempt::LOST);
  EXPECT_EQ(world.job("a").restarts(), 0);
  EXPECT_EQ(world.job("a").state(), v1::Job::QUEUED);
  world.Advance(absl::Seconds(1));
  EXPECT_EQ(world.job("a").attempt(), 2);
}

TEST(StepRestoreTest, ACancelIsCarriedOut) {
  StepWorld world(2);
  world.RunAttempt1("a", 1);
  world.Cancel("a");
  world.Create("b", 1);
  world.Cancel("b");
  world.Restart();
  EXPECT_THAT(world.Effects(), Contains("stop jobs/a/1"));
  EXPECT_THAT(world.Effects(), Contains("kill jobs/b/0"));
  world.Advance(absl::Seconds(35));
  EXPECT_THAT(world.Effects(), ElementsAre("kill jobs/a/1"));
}

TEST(StepRestoreTest, APauseAfterAFailureIsNotForgotten) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.RanksEnded("a", 1, 1);
  world.Restart();
  world.Advance(absl::Milliseconds(500));
  EXPECT_EQ(world.job("a").state(), v1::Job::QUEUED);
  world.Advance(absl::Milliseconds(500));
  EXPECT_EQ(world.job("a").state(), v1::Job::STARTING);
}

TEST(StepRestoreTest, ACheckpointOfAnEarlierLifeIsResumedFrom) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Checkpoint("a", 1, 10, /*commit=*/true);
  world.Restart();
  // The acknowledgement was lost: it is listed once.
  EXPECT_TRUE(world.answer(world.Checkpoint("a", 1, 10, true)).ok());
  EXPECT_THAT(world.checkpoints(), SizeIs(1));
  world.RanksEnded("a", 1, 1);
  world.Advance(absl::Seconds(1));
  EXPECT_EQ(world.job("a").attempts(1).resume_step(), 10);
}

}  // namespace
}  // namespace lockstep
