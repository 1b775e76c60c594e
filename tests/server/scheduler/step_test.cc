#include "server/scheduler/step.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/exit_code.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(StepTest, AJobIsAcceptedAndItsPrepareStarted) {
  StepWorld world(2);
  const Ticket ticket = world.Create("a", 2);
  EXPECT_TRUE(world.answer(ticket).ok());
  EXPECT_EQ(world.job("a").state(), v1::Job::PREPARING);
  EXPECT_THAT(world.job("a").uid(), SizeIs(32));
  // The answer first, then what is done for it.
  EXPECT_TRUE(std::holds_alternative<ReplyEffect>(world.effects()[0]));
  EXPECT_THAT(world.Effects(),
              ElementsAre("token of jobs/a/0", "launch jobs/a/0"));
}

TEST(StepTest, AJobThatNeverFitsIsRefused) {
  StepWorld world(2);
  const absl::Status status = world.answer(world.Create("a", 3));
  EXPECT_EQ(ErrorReason(status), "NOT_ENOUGH_DEVICES");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("3 cpu devices are wanted, this cluster has 2"));
  EXPECT_THAT(world.disk(), IsEmpty());
}

TEST(StepTest, ANameIsTakenOnce) {
  StepWorld world(2);
  world.Create("a", 1);
  EXPECT_EQ(ErrorReason(world.answer(world.Create("a", 1))), "JOB_EXISTS");
}

TEST(StepTest, ARetryOfCreateIsAnsweredLikeTheFirst) {
  StepWorld world(2);
  CreateEvent event{.ticket = 100};
  event.request.owner = "local";
  event.request.request_id = "r";
  event.request.request_digest = "one";
  world.Do(event);
  ASSERT_THAT(world.disk(), SizeIs(1));
  world.Restart();
  event.ticket = 101;
  world.Do(event);
  EXPECT_TRUE(world.answer(101).ok());
  EXPECT_THAT(world.disk(), SizeIs(1));
  event.ticket = 102;
  event.request.request_digest = "another";
  world.Do(event);
  EXPECT_EQ(ErrorReason(world.answer(102)), "REQUEST_ID_REUSED");
  // Request ids of owners are apart.
  event.ticket = 103;
  event.request.owner = "other";
  world.Do(event);
  EXPECT_TRUE(world.answer(103).ok());
  EXPECT_THAT(world.disk(), SizeIs(2));
}

TEST(StepTest, TheFirstStepMakesTheJobRun) {
  StepWorld world(1);
  world.Create("a", 1);
  world.Prepared("a");
  world.Attached("a", 1, /*ended=*/false);
  EXPECT_EQ(world.job("a").attempts(0).state(), v1::Attempt::RENDEZVOUS);
  EXPECT_EQ(world.job("a").attempts(0).ranks(0).pid(), 100);
  world.Joined("a", 1);
  EXPECT_EQ(world.events()[0].type(), "RANKS_JOINED");
  world.Progress("a", 1, 0);
  EXPECT_EQ(world.job("a").state(), v1::Job::STARTING);
  world.Progress("a", 1, 1);
  EXPECT_EQ(world.job("a").state(), v1::Job::RUNNING);
  EXPECT_EQ(world.job("a").attempts(0).state(), v1::Attempt::RUNNING);
}

TEST(StepTest, ASupervisorsWordEndsTheAttempt) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  EXPECT_TRUE(world.answer(world.Attached("a", 1, /*ended=*/true)).ok());
  EXPECT_EQ(world.job("a").state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(world.job("a").attempts(0).end_cause(), v1::Attempt::SUCCESS);
  EXPECT_THAT(world.Effects(), ElementsAre("close jobs/a/1"));
  // Its exit is no news.
  world.RanksEnded("a", 1, 0);
  EXPECT_THAT(world.events(), IsEmpty());
}

TEST(StepTest, AFailureIsRetriedAfterAPause) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.RanksEnded("a", 1, 1);
  EXPECT_EQ(world.job("a").state(), v1::Job::QUEUED);
  EXPECT_EQ(world.job("a").pending_reason(), v1::Job::BACKOFF);
  EXPECT_THAT(world.job("a").pending_message(),
              HasSubstr("attempt 1 failed: rank 0 ended with exit code 1"));
  EXPECT_EQ(world.job("a").restarts(), 1);
  world.Advance(absl::Milliseconds(999));
  EXPECT_EQ(world.job("a").state(), v1::Job::QUEUED);
  world.Advance(absl::Milliseconds(1));
  EXPECT_EQ(world.job("a").state(), v1::Job::STARTING);
  EXPECT_EQ(world.job("a").attempt(), 2);
  EXPECT_EQ(world.job("a").pending_reason(),
            v1::Job::PENDING_REASON_UNSPECIFIED);
}

TEST(StepTest, OneThatFailsAgainAndAgainWaitsForTheHour) {
  StepWorld world(1);
  const absl::Duration begin = world.now();
  world.RunAttempt1("a", 1);
  for (int attempt = 1; attempt <= 10; ++attempt) {
    SCOPED_TRACE(attempt);
    ASSERT_EQ(world.job("a").attempt(), attempt);
    if (attempt > 1) world.Train("a", attempt);
    // Each gets a step further.
    world.Checkpoint("a", attempt, attempt, /*commit=*/true);
    world.RanksEnded("a", attempt, 1);
    world.Advance(absl::Seconds(1));
  }
  EXPECT_EQ(world.job("a").state(), v1::Job::QUEUED);
  EXPECT_EQ(world.job("a").pending_reason(), v1::Job::BACKOFF);
  EXPECT_THAT(world.job("a").pending_message(),
              EndsWith("; the next starts 01:16:40.0 UTC, as only 10 that fail "
                       "may begin within an hour"));
  // So it is after a drain, and after a restart.
  world.Drain();
  EXPECT_EQ(world.job("a").pending_reason(), v1::Job::DRAINING);
  world.Undrain();
  EXPECT_EQ(world.job("a").pending_message(),
            "waits before the next attempt, which starts 01:16:40.0 UTC");
  world.Restart();
  world.Advance(begin + absl::Hours(1) - world.now() - absl::Milliseconds(1));
  EXPECT_EQ(world.job("a").state(), v1::Job::QUEUED);
  world.Advance(absl::Milliseconds(1));
  EXPECT_EQ(world.job("a").state(), v1::Job::STARTING);
  EXPECT_EQ(world.job("a").attempt(), 11);
}

TEST(StepTest, AProgramThatIsMissingFailsTheJobAtOnce) {
  StepWorld world(1);
  world.RunAttempt1("a", 1, /*max_restarts=*/3);
  world.RanksEnded("a", 1, kCannotStart);
  EXPECT_EQ(world.job("a").state(), v1::Job::FAILED);
  EXPECT_EQ(world.job("a").error().reason(), "ENGINE_ERROR");
  EXPECT_THAT(world.job("a").error().message(), HasSubstr("lockstep-rank"));
  EXPECT_EQ(world.job("a").restarts(), 0);
}

TEST(StepTest, AJobFailsWhenItsRestartsAreUsedUp) {
  StepWorld world(1);
  world.RunAttempt1("a", 1, /*max_restarts=*/0);
  world.RanksEnded("a", 1, 1);
  EXPECT_EQ(world.job("a").state(), v1::Job::FAILED);
  EXPECT_EQ(world.job("a").error().reason(), "WORKER_CRASH");
  EXPECT_THAT(world.job("a").error().message(),
              HasSubstr("max_restarts: 0 allows no other attempt"));
}

TEST(StepTest, AFaultOfTheInputIsNotRetried) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Failed("a", 1, 0, v1::Attempt::NOT_FINITE, "loss is nan at step 7");
  EXPECT_EQ(world.events()[0].message(), "rank 0: loss is nan at step 7");
  world.RanksEnded("a", 1, kNotFinite);
  EXPECT_EQ(world.job("a").state(), v1::Job::FAILED);
  EXPECT_EQ(world.job("a").error().reason(), "NOT_FINITE");
  EXPECT_EQ(world.job("a").error().message(), "rank 0: loss is nan at step 7");
}

TEST(StepTest, RanksThatDoNotJoinEndTheAttemptByName) {
  StepWorld world(2);
  world.Create("a", 2);
  world.Prepared("a");
  world.Joined("a", 1, /*missing=*/{1});
  EXPECT_THAT(world.Effects(),
              ElementsAre("stop jobs/a/1", "terminate jobs/a/1"));
  EXPECT_EQ(world.job("a").attempts(0).state(), v1::Attempt::DRAINING);
  world.RanksEnded("a", 1, kStopped);
  const v1::Attempt& attempt = world.job("a").attempts(0);
  EXPECT_EQ(attempt.end_cause(), v1::Attempt::RENDEZVOUS_TIMEOUT);
  EXPECT_EQ(attempt.end_message(), "rank 1 did not join within 2m");
  EXPECT_EQ(world.job("a").state(), v1::Job::QUEUED);
}

TEST(StepTest, AProgramThatCannotBeStartedFailsTheAttempt) {
  StepWorld world(1);
  world.Create("a", 1, /*max_restarts=*/0);
  world.Prepared("a");
  world.LaunchFailed({"jobs/a", 1});
  EXPECT_EQ(world.job("a").state(), v1::Job::FAILED);
  EXPECT_EQ(world.job("a").error().reason(), "ENGINE_ERROR");
  EXPECT_THAT(world.job("a").error().message(),
              HasSubstr("the ranks cannot be started: no such program"));
}

TEST(StepTest, AProcessIsKnownByItsStart) {
  StepWorld world(1);
  world.Create("a", 1);
  EXPECT_EQ(world.record("a").processes(0).process_id(), 0);
  EXPECT_THAT(world.record("a").processes(0).token_sha256(), SizeIs(32));
  world.Launched({"jobs/a", 0});
  EXPECT_EQ(world.record("a").processes(0).process_id(), 1000);
  EXPECT_EQ(world.record("a").processes(0).start_ticks(), 77);
  EXPECT_EQ(world.record("a").processes(0).boot_id(), "boot");
}

TEST(StepTest, ASmallJobDoesNotOvertakeALargeOne) {
  StepWorld world(2);
  world.RunAttempt1("a", 1);
  world.Create("b", 2);
  world.Create("c", 1);
  world.Prepared("b");
  world.Prepared("c");
  EXPECT_EQ(world.job("b").pending_reason(), v1::Job::CAPACITY);
  EXPECT_EQ(world.job("b").pending_message(),
            "needs 2 cpu devices; 1 of 2 are free");
  EXPECT_EQ(world.job("c").pending_reason(), v1::Job::PRIORITY);
  world.Attached("a", 1, /*ended=*/true);
  EXPECT_EQ(world.job("b").state(), v1::Job::STARTING);
  EXPECT_EQ(world.job("c").state(), v1::Job::QUEUED);
}

TEST(StepTest, WaitingIsWrittenWhenItChanges) {
  StepWorld world(1);
  world.RunAttempt1("a", 1);
  world.Create("b", 1);
  world.Prepared("b");
  const int64_t version = world.record("b").version();
  for (int i = 0; i < 5; ++i) world.Advance(absl::Seconds(1));
  EXPECT_EQ(world.record("b").version(), version);
}

}  // namespace
}  // namespace lockstep
