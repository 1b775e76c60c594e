// What becomes of a job at its user's word: deletion, and the etag that all
// such words may carry.

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
using ::testing::Not;

class StepDeleteTest : public ::testing::Test {
 protected:
  std::string Delete(const std::string& id, const std::string& etag = "") {
    return ErrorReason(world_.answer(world_.Delete(id, etag)));
  }
  // Succeeds; nothing of it runs any more.
  void RunToTheEnd(const std::string& id) {
    world_.RunAttempt1(id, 1);
    world_.Checkpoint(id, 1, 10, /*commit=*/true);
    world_.RanksEnded(id, 1, kOk);
    ASSERT_EQ(world_.job(id).state(), v1::Job::SUCCEEDED);
  }

  StepWorld world_{2};
};

TEST_F(StepDeleteTest, WhatDoesNotExistIsNotFound) {
  EXPECT_EQ(Delete("a"), "JOB_NOT_FOUND");
}

TEST_F(StepDeleteTest, AJobThatHasEndedIsForgotten) {
  RunToTheEnd("a");
  const std::string uid = world_.job("a").uid();
  EXPECT_EQ(Delete("a"), "");
  EXPECT_THAT(world_.disk(), IsEmpty());
  EXPECT_THAT(world_.checkpoints(), IsEmpty());
  EXPECT_THAT(world_.Effects(), ElementsAre("remove files of " + uid));
  EXPECT_EQ(Delete("a"), "JOB_NOT_FOUND");
  world_.Restart();
  EXPECT_THAT(world_.disk(), IsEmpty());
}

TEST_F(StepDeleteTest, AJobThatHasNotEndedStays) {
  world_.RunAttempt1("a", 1);
  const absl::Status running = world_.answer(world_.Delete("a"));
  EXPECT_EQ(ErrorReason(running), "JOB_NOT_ENDED");
  EXPECT_TRUE(absl::IsFailedPrecondition(running));
  EXPECT_THAT(std::string(running.message()),
              HasSubstr("jobs/a is RUNNING; only a job that has ended"));
  world_.Cancel("a");
  EXPECT_EQ(Delete("a"), "JOB_NOT_ENDED");
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(Delete("a"), "");
}

TEST_F(StepDeleteTest, AJobStaysUntilItsLastProcessIsGone) {
  world_.RunAttempt1("a", 1);
  // The supervisor's word on its ranks; it goes on for a moment.
  world_.Attached("a", 1, /*ended=*/true, kOk);
  ASSERT_EQ(world_.job("a").state(), v1::Job::SUCCEEDED);
  const absl::Status lives = world_.answer(world_.Delete("a"));
  EXPECT_EQ(ErrorReason(lives), "JOB_NOT_ENDED");
  EXPECT_THAT(std::string(lives.message()), HasSubstr("a process of it"));
  world_.ProcessEnded({"jobs/a", 1}, 0);
  EXPECT_EQ(Delete("a"), "");
}

TEST_F(StepDeleteTest, AFailedPreparationKeepsTheJobUntilItIsGone) {
  world_.Create("a", 1);
  world_.Launched({"jobs/a", 0});
  world_.PrepareFailed("a", "bad row");
  ASSERT_EQ(world_.job("a").state(), v1::Job::FAILED);
  EXPECT_EQ(Delete("a"), "JOB_NOT_ENDED");
  world_.ProcessEnded({"jobs/a", 0}, 0);
  EXPECT_EQ(Delete("a"), "");
}

TEST_F(StepDeleteTest, AnEndThatComesBeforeTheStartWasToldIsWaitedFor) {
  world_.Create("a", 1);
  world_.Cancel("a");
  world_.ProcessEnded({"jobs/a", 0}, 0, /*signal=*/9);
  ASSERT_EQ(world_.job("a").state(), v1::Job::CANCELLED);
  EXPECT_EQ(Delete("a"), "JOB_NOT_ENDED");
  world_.Launched({"jobs/a", 0});
  EXPECT_EQ(Delete("a"), "");
}

TEST_F(StepDeleteTest, AJobThatCouldNotBeLaunchedCanBeDeleted) {
  world_.Create("a", 1);
  world_.LaunchFailed({"jobs/a", 0});
  ASSERT_EQ(world_.job("a").state(), v1::Job::FAILED);
  EXPECT_EQ(Delete("a"), "");
}

TEST_F(StepDeleteTest, AfterARestartOnlyProcessesThatMayLiveAreWaitedFor) {
  RunToTheEnd("a");
  world_.Create("b", 1);
  world_.Launched({"jobs/b", 0});
  world_.PrepareFailed("b", "bad row");
  world_.Restart();
  EXPECT_EQ(Delete("a"), "");
  EXPECT_EQ(Delete("b"), "JOB_NOT_ENDED");
  world_.ProcessEnded({"jobs/b", 0}, 0);
  EXPECT_EQ(Delete("b"), "");
}

TEST_F(StepDeleteTest, TheNameAndTheRequestAreFreeAgain) {
  CreateEvent create{.ticket = 1000};
  create.request.job_id = "a";
  create.request.owner = "local";
  create.request.request_id = "r";
  create.request.request_digest = "first";
  create.request.spec.mutable_resources()->set_ranks(1);
  world_.Do(create);
  const std::string uid = world_.job("a").uid();
  world_.LaunchFailed({"jobs/a", 0});
  EXPECT_EQ(Delete("a"), "");
  create.ticket = 1001;
  create.request.request_digest = "second";
  world_.Do(create);
  EXPECT_TRUE(world_.answer(1001).ok());
  EXPECT_NE(world_.job("a").uid(), uid);
  // The etag tells the two jobs of one name apart.
  EXPECT_THAT(world_.job("a").etag(), Not(HasSubstr(uid.substr(0, 8))));
}

TEST_F(StepDeleteTest, AnEtagMustBeTheNewest) {
  world_.Create("a", 1);
  const std::string old = world_.job("a").etag();
  world_.LaunchFailed({"jobs/a", 0});
  const std::string newest = world_.job("a").etag();
  ASSERT_NE(old, newest);
  const absl::Status status = world_.answer(world_.Delete("a", old));
  EXPECT_TRUE(absl::IsAborted(status));
  EXPECT_EQ(ErrorReason(status), "ETAG_MISMATCH");
  EXPECT_EQ(ErrorReason(world_.answer(world_.Cancel("a", old))),
            "ETAG_MISMATCH");
  EXPECT_EQ(ErrorReason(
                world_.answer(world_.Update({.name = "jobs/a", .etag = old}))),
            "ETAG_MISMATCH");
  EXPECT_TRUE(world_.answer(world_.Cancel("a", newest)).ok());
  EXPECT_EQ(Delete("a", newest), "");
}

TEST_F(StepDeleteTest, ARankCannotSayThatItsJobIsNoMore) {
  world_.RunAttempt1("a", 1);
  ReportedEvent report;
  report.caller.set_job("jobs/a");
  report.caller.set_attempt(1);
  report.events.emplace_back().set_type(kJobDeleted);
  report.events.emplace_back().set_type("OTHER");
  world_.Do(report);
  ASSERT_EQ(world_.events().size(), 1u);
  EXPECT_EQ(world_.events()[0].type(), "OTHER");
}

}  // namespace
}  // namespace lockstep
