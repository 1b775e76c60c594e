#include "server/scheduler/retry_policy.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

class RetryPolicyTest : public ::testing::Test {
 protected:
  RetryPolicyTest() { job_.mutable_spec()->set_max_restarts(100); }

  void Ended(v1::Attempt::EndCause cause, int64_t resume_step = 0) {
    v1::Attempt& attempt = *job_.add_attempts();
    attempt.set_end_cause(cause);
    attempt.set_resume_step(resume_step);
  }
  RetryDecision Decide(int64_t newest_step = 0) const {
    return DecideRetry(job_, newest_step, options_);
  }

  v1::Job job_;
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
  for (int i = 0; i < 10; ++i) Ended(v1::Attempt::NODE_LOST);
  EXPECT_TRUE(Decide().retry);
  EXPECT_EQ(Decide().backoff, absl::Minutes(1));
}

}  // namespace
}  // namespace lockstep
