// Jobs that wait for others to succeed.

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
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StepFollowTest : public ::testing::Test {
 protected:
  absl::Status Follow(const std::string& id,
                      const std::vector<std::string>& after) {
    v1::JobSpec spec;
    spec.mutable_resources()->set_ranks(1);
    for (const std::string& other : after) spec.add_after(other);
    return world_.answer(world_.Create(id, spec));
  }
  void End(const std::string& id, int exit_code) {
    world_.RanksEnded(id, 1, exit_code);
  }
  v1::Job::State StateOf(const std::string& id) const {
    return world_.job(id).state();
  }

  StepWorld world_{4};
};

TEST_F(StepFollowTest, ItIsPreparedWhenAllHaveSucceeded) {
  world_.RunAttempt1("a", 1);
  world_.RunAttempt1("b", 1);
  ASSERT_TRUE(Follow("c", {"a", "b"}).ok());
  EXPECT_EQ(StateOf("c"), v1::Job::QUEUED);
  EXPECT_EQ(world_.job("c").pending_reason(), v1::Job::DEPENDENCY);
  EXPECT_EQ(world_.job("c").pending_message(),
            "jobs/a, jobs/b have to succeed first");
  EXPECT_THAT(world_.Explain("c")->after(), ElementsAre("jobs/a", "jobs/b"));
  EXPECT_THAT(world_.Explain("c")->message(),
              "jobs/c waits for DEPENDENCY: jobs/a, jobs/b have to succeed "
              "first.");
  End("a", kOk);
  EXPECT_EQ(world_.job("c").pending_message(), "jobs/b has to succeed first");
  End("b", kOk);
  EXPECT_EQ(StateOf("c"), v1::Job::PREPARING);
  EXPECT_THAT(world_.record("c").waits_for(), IsEmpty());
}

TEST_F(StepFollowTest, OneThatHasSucceededIsNotWaitedFor) {
  world_.RunAttempt1("a", 1);
  End("a", kOk);
  ASSERT_TRUE(Follow("c", {"a"}).ok());
  EXPECT_EQ(StateOf("c"), v1::Job::PREPARING);
}

TEST_F(StepFollowTest, ItFailsWithTheOneThatFails) {
  world_.RunAttempt1("a", 1, /*max_restarts=*/0);
  ASSERT_TRUE(Follow("b", {"a"}).ok());
  ASSERT_TRUE(Follow("c", {"b"}).ok());
  End("a", kFailure);
  EXPECT_EQ(StateOf("b"), v1::Job::FAILED);
  EXPECT_EQ(world_.job("b").error().reason(), "DEPENDENCY_FAILED");
  EXPECT_EQ(world_.job("b").error().message(),
            "after: jobs/a is FAILED and did not succeed");
  // And so on along the line.
  EXPECT_EQ(StateOf("c"), v1::Job::FAILED);
  EXPECT_THAT(world_.job("c").error().message(), HasSubstr("jobs/b is FAILED"));
}

TEST_F(StepFollowTest, ACancelIsNoSuccess) {
  world_.RunAttempt1("a", 1);
  ASSERT_TRUE(Follow("b", {"a"}).ok());
  world_.Cancel("a");
  EXPECT_EQ(StateOf("b"), v1::Job::QUEUED);
  End("a", kStopped);
  EXPECT_EQ(world_.job("b").error().message(),
            "after: jobs/a is CANCELLED and did not succeed");
}

TEST_F(StepFollowTest, ARetryOfTheOtherIsWaitedFor) {
  world_.RunAttempt1("a", 1);
  ASSERT_TRUE(Follow("b", {"a"}).ok());
  End("a", kFailure);
  EXPECT_EQ(StateOf("b"), v1::Job::QUEUED);
  world_.Advance(absl::Seconds(2));
  world_.RanksEnded("a", 2, kOk);
  EXPECT_EQ(StateOf("b"), v1::Job::PREPARING);
}

TEST_F(StepFollowTest, UnknownAndLostOnesAreRefusedByName) {
  world_.RunAttempt1("a", 1);
  world_.Cancel("a");
  End("a", kStopped);
  const absl::Status refused = Follow("c", {"a", "none"});
  EXPECT_EQ(ErrorReason(refused), "INVALID_SPEC");
  EXPECT_THAT(ErrorViolations(refused),
              ElementsAre(FieldViolation{"after",
                                         "jobs/a is CANCELLED and will not "
                                         "succeed"},
                          FieldViolation{"after",
                                         "jobs/none does not exist; only jobs "
                                         "that were accepted before can be "
                                         "named"}));
  EXPECT_FALSE(world_.disk().contains("jobs/c"));
}

TEST_F(StepFollowTest, NoJobComesAfterItself) {
  const absl::Status refused = Follow("a", {"a"});
  EXPECT_EQ(ErrorReason(refused), "INVALID_SPEC");
  EXPECT_THAT(
      ErrorViolations(refused),
      ElementsAre(FieldViolation{"after", "jobs/a cannot come after itself"}));
  EXPECT_FALSE(world_.disk().contains("jobs/a"));
}

TEST_F(StepFollowTest, ARestartKnowsWhatItWaitsFor) {
  world_.RunAttempt1("a", 1);
  ASSERT_TRUE(Follow("b", {"a"}).ok());
  world_.Restart();
  EXPECT_EQ(StateOf("b"), v1::Job::QUEUED);
  End("a", kOk);
  EXPECT_EQ(StateOf("b"), v1::Job::PREPARING);
}

TEST_F(StepFollowTest, TheOtherMayBeDeletedOnceItHasEnded) {
  world_.RunAttempt1("a", 1);
  ASSERT_TRUE(Follow("b", {"a"}).ok());
  End("a", kOk);
  EXPECT_TRUE(world_.answer(world_.Delete("a")).ok());
  world_.Restart();
  world_.ProcessEnded({"jobs/b", 0}, 0);
  EXPECT_EQ(StateOf("b"), v1::Job::PREPARING);
}

TEST_F(StepFollowTest, WhatIsCancelledFollowsNobody) {
  world_.RunAttempt1("a", 1);
  ASSERT_TRUE(Follow("b", {"a"}).ok());
  world_.Cancel("b");
  EXPECT_EQ(StateOf("b"), v1::Job::CANCELLED);
  EXPECT_THAT(world_.record("b").waits_for(), IsEmpty());
  EXPECT_TRUE(world_.answer(world_.Delete("b")).ok());
  End("a", kOk);
}

TEST_F(StepFollowTest, WhatIsPausedFollowsAllTheSame) {
  world_.RunAttempt1("a", 1, /*max_restarts=*/0);
  world_.RunAttempt1("b", 1);
  ASSERT_TRUE(Follow("c", {"a"}).ok());
  ASSERT_TRUE(Follow("d", {"b"}).ok());
  world_.Pause("c");
  world_.Pause("d");
  End("a", kFailure);
  EXPECT_EQ(StateOf("c"), v1::Job::FAILED);
  world_.Resume("d");
  EXPECT_EQ(world_.job("d").pending_reason(), v1::Job::DEPENDENCY);
  world_.Pause("d");
  End("b", kOk);
  EXPECT_EQ(StateOf("d"), v1::Job::PAUSED);
  world_.Resume("d");
  EXPECT_EQ(StateOf("d"), v1::Job::PREPARING);
}

TEST_F(StepFollowTest, ADrainDoesNotHideWhatItWaitsFor) {
  world_.RunAttempt1("a", 1);
  ASSERT_TRUE(Follow("b", {"a"}).ok());
  world_.Drain(/*let_run=*/true);
  EXPECT_EQ(world_.job("b").pending_reason(), v1::Job::DEPENDENCY);
  End("a", kOk);
  EXPECT_EQ(world_.job("b").pending_reason(), v1::Job::DRAINING);
  world_.Undrain();
  EXPECT_EQ(StateOf("b"), v1::Job::PREPARING);
}

TEST_F(StepFollowTest, ItsPriorityMayChangeMeanwhile) {
  world_.RunAttempt1("a", 1);
  ASSERT_TRUE(Follow("b", {"a"}).ok());
  Scheduler::UpdateJob update;
  update.name = "jobs/b";
  update.priority = v1::ResourceSpec::PRIORITY_HIGH;
  ASSERT_TRUE(world_.answer(world_.Update(update)).ok());
  EXPECT_EQ(world_.job("b").pending_reason(), v1::Job::DEPENDENCY);
  End("a", kOk);
  EXPECT_EQ(StateOf("b"), v1::Job::PREPARING);
}

}  // namespace
}  // namespace lockstep
