#include "server/scheduler/retry_policy.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/proto_time.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

class RetryPolicyTest : public ::testing::Test {
 protected:
  RetryPolicyTest() { job_.mutable_spec()->set_max_restarts(100); }

  void Ended(v1::Attempt::EndCause cause, int64_t resume_step = 0) {
    v1::Attempt& attempt = *job_.add_attempts();
    *attempt.mutable_start_time() = ToProto(wall_);
    attempt.set_end_cause(cause);
    attempt.set_resume_step(resume_step);
  }
  RetryDecision Decide(int64_t newest_step = 0) const {
    return DecideRetry(job_, newest_step, wall_, options_);
  }

  v1::Job job_;
  absl::Time wall_ = absl::FromUnixSeconds(1767225600);
  SchedulerOptions options_;
};

TEST_F(RetryPolicyTest, ThePauseDoublesUpToALimit) {
  options_.attempts_without_progress = 100;
  for (const int seconds : {1, 2, 4, 8, 16, 32, 60, 60}) {
    Ended(v1::Attempt::WORKER_CRASH);
    EXPECT_TRUE(Decide().retry);
    EXPECT_EQ(Decide().backoff, absl::Seconds(seconds));
  }
}

TEST_F(RetryPolicyTest, MaxRestartsBoundsFailures) {
  job_.mutable_spec()->set_max_restarts(1);
  Ended(v1::Attempt::WORKER_CRASH);
  EXPECT_TRUE(Decide().retry);
  Ended(v1::Attempt::GPU_FAULT);
  EXPECT_FALSE(Decide().retry);
  EXPECT_THAT(Decide().refusal, HasSubstr("max_restarts: 1"));
}

TEST_F(RetryPolicyTest, ANewCheckpointRestoresTheBudget) {
  job_.mutable_spec()->set_max_restarts(1);
  Ended(v1::Attempt::WORKER_CRASH, 0);
  Ended(v1::Attempt::WORKER_CRASH, 10);
  Ended(v1::Attempt::WORKER_CRASH, 20);
  EXPECT_TRUE(Decide(/*newest_step=*/30).retry);
  EXPECT_EQ(Decide(30).backoff, absl::Seconds(1));
  // The newest left none.
  EXPECT_FALSE(Decide(20).retry);
}

TEST_F(RetryPolicyTest, WithoutResumeNoCheckpointHelps) {
  job_.mutable_spec()->mutable_checkpoint()->set_resume(
      v1::CheckpointSpec::RESUME_NEVER);
  job_.mutable_spec()->set_max_restarts(0);
  Ended(v1::Attempt::WORKER_CRASH);
  EXPECT_FALSE(Decide(30).retry);
}

TEST_F(RetryPolicyTest, ACrashAtTheSamePlaceIsNotRepeatedForEver) {
  for (int i = 0; i < 2; ++i) {
    Ended(v1::Attempt::WORKER_CRASH, 10);
    EXPECT_TRUE(Decide(10).retry);
  }
  Ended(v1::Attempt::WORKER_CRASH, 10);
  EXPECT_FALSE(Decide(10).retry);
  EXPECT_THAT(Decide(10).refusal, HasSubstr("3 attempts in a row failed"));
}

TEST_F(RetryPolicyTest, StopsThatSomebodyAskedForMakeNoPauseLonger) {
  Ended(v1::Attempt::WORKER_CRASH);
  Ended(v1::Attempt::PAUSED);
  Ended(v1::Attempt::PREEMPTED);
  Ended(v1::Attempt::WORKER_CRASH);
  EXPECT_TRUE(Decide().retry);
  EXPECT_EQ(Decide().backoff, absl::Seconds(2));
  // They keep what they wrote all the same: a failure before that is over.
  job_.mutable_attempts(2)->set_resume_step(5);
  job_.mutable_attempts(3)->set_resume_step(5);
  EXPECT_EQ(Decide(5).backoff, absl::Seconds(1));
}

TEST_F(RetryPolicyTest, TheClustersDoingCostsNothing) {
  job_.mutable_spec()->set_max_restarts(0);
  for (int i = 0; i < 9; ++i) Ended(v1::Attempt::NODE_LOST);
  EXPECT_TRUE(Decide().retry);
  EXPECT_EQ(Decide().backoff, absl::Minutes(1));
}

TEST_F(RetryPolicyTest, NoMoreThanSoManyThatFailBeginWithinAnHour) {
  // Each a minute after the one before it, and each with a new checkpoint.
  for (int i = 1; i <= 10; ++i) {
    SCOPED_TRACE(i);
    EXPECT_FALSE(i > 1 && Decide(i).too_often);
    Ended(v1::Attempt::WORKER_CRASH, i - 1);
    wall_ += absl::Minutes(1);
  }
  EXPECT_TRUE(Decide(10).retry);
  EXPECT_TRUE(Decide(10).too_often);
  EXPECT_EQ(Decide(10).backoff, absl::Minutes(50));
  options_.starts_per_hour = 11;
  EXPECT_FALSE(Decide(10).too_often);
  EXPECT_EQ(Decide(10).backoff, absl::Seconds(1));
}

TEST_F(RetryPolicyTest, TheOldestOfAnHourCountsOnlyUntilItIsOver) {
  options_.starts_per_hour = 2;
  Ended(v1::Attempt::WORKER_CRASH, 0);
  wall_ += absl::Minutes(59) + absl::Milliseconds(59'500);
  Ended(v1::Attempt::WORKER_CRASH, 1);
  // The pause after a failure is longer than what is left of the hour.
  EXPECT_FALSE(Decide(2).too_often);
  EXPECT_EQ(Decide(2).backoff, absl::Seconds(1));
  wall_ -= absl::Seconds(1);
  EXPECT_TRUE(Decide(2).too_often);
  EXPECT_EQ(Decide(2).backoff, absl::Milliseconds(1500));
}

TEST_F(RetryPolicyTest, StopsThatSomebodyAskedForAreNotOfTheHour) {
  options_.starts_per_hour = 2;
  Ended(v1::Attempt::PAUSED, 0);
  Ended(v1::Attempt::PREEMPTED, 1);
  Ended(v1::Attempt::WORKER_CRASH, 2);
  EXPECT_FALSE(Decide(3).too_often);
}

TEST_F(RetryPolicyTest, AWallThatIsSetBackMakesNoWaitLongerThanAnHour) {
  options_.starts_per_hour = 1;
  Ended(v1::Attempt::WORKER_CRASH, 0);
  wall_ -= absl::Hours(240);
  EXPECT_EQ(Decide(1).backoff, absl::Hours(1));
  wall_ += absl::Hours(480);
  EXPECT_EQ(Decide(1).backoff, absl::Seconds(1));
}

}  // namespace
}  // namespace lockstep
