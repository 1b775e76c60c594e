// A job goes on where another one stopped: by `jobs retry`, to the same bits or
// on other ranks.

#include <cstdint>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr LongRun kRun;

class RetryTest : public ::testing::Test {
 protected:
  // Trained past its second checkpoint, and cancelled.
  void CancelledJob() {
    SubmitDetached(cluster_, "first", LongJob(cluster_.Path("first")));
    ASSERT_TRUE(TrainedPast(cluster_, "first", 2 * kRun.save_steps + 20));
    ASSERT_EQ(cluster_.Lockstep({"jobs", "cancel", "first"}).exit_code, 0);
    ASSERT_EQ(cluster_.Lockstep({"wait", "first"}).exit_code, 11);
  }

  // Retried as `name`, and trained to the end.
  void Retry(const std::string& name, std::vector<std::string> flags) {
    std::vector<std::string> words = {"jobs", "retry", "first", "--name", name};
    words.insert(words.end(), flags.begin(), flags.end());
    const RunResult retry = cluster_.Lockstep(words);
    ASSERT_EQ(retry.exit_code, 0) << retry.err;
    const RunResult wait = cluster_.Lockstep({"wait", name});
    ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster_.daemon_log();
  }

  // Where it went on: the step of its origin.
  int64_t Origin(const std::string& name) {
    return cluster_.GetJob(name).origin().step();
  }

  // Each step from its origin on was trained, and none before.
  void ExpectStepsAfterOrigin(const std::string& name) {
    std::set<int64_t> steps;
    cluster_.FollowMetrics(name, [&](const v1::MetricPoint& point) {
      if (point.values().contains("loss")) steps.insert(point.step());
      return false;
    });
    EXPECT_THAT(steps, SizeIs(kRun.steps - Origin(name)));
    EXPECT_EQ(*steps.begin(), Origin(name) + 1);
    EXPECT_EQ(*steps.rbegin(), kRun.steps);
  }

  TestCluster cluster_;
};

TEST_F(RetryTest, ResumeEndsInTheBitsOfARunThatNothingStopped) {
  const std::string calm = UndisturbedAdapter();
  ASSERT_FALSE(calm.empty());
  CancelledJob();
  Retry("second", {"--resume"});
  EXPECT_GE(Origin("second"), 2 * kRun.save_steps);
  ExpectStepsAfterOrigin("second");
  EXPECT_EQ(AdapterIn(cluster_.Path("second")), calm);
  EXPECT_THAT(cluster_.Lockstep({"events", "second"}).out,
              Not(HasSubstr("RESUMED_INEXACTLY")));
}

TEST_F(RetryTest, AnotherNumberOfRanksIsAllowedWhereBitsMayDiffer) {
  CancelledJob();
  const RunResult refused =
      cluster_.Lockstep({"jobs", "retry", "first", "--resume", "--ranks", "1"});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("resources.ranks"), HasSubstr("inexact")));

  Retry("second", {"--inexact", "--ranks", "1"});
  const v1::Job job = cluster_.GetJob("second");
  EXPECT_EQ(job.spec().resources().ranks(), 1);
  // A step has as many rows as before.
  EXPECT_EQ(job.spec().train().gradient_accumulation_steps(), 4);
  EXPECT_EQ(job.plan().steps(), kRun.steps);
  EXPECT_GE(Origin("second"), 2 * kRun.save_steps);
  ExpectStepsAfterOrigin("second");
  EXPECT_FALSE(AdapterIn(cluster_.Path("second")).empty());
  EXPECT_THAT(cluster_.Lockstep({"events", "second"}).out,
              HasSubstr("RESUMED_INEXACTLY"));
  // It learns on from there: the losses go on below those of the beginning.
  EXPECT_LT(cluster_.Losses("second").back(), cluster_.Losses("first").front());
}

}  // namespace
}  // namespace lockstep::testing
