// Prepare, and what its end makes of a job.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/exit_code.h"
#include "server/scheduler/step.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(StepPrepareTest, APreparedJobStarts) {
  StepWorld world(2);
  world.Create("a", 2);
  EXPECT_TRUE(world.answer(world.Prepared("a")).ok());
  EXPECT_EQ(world.job("a").state(), v1::Job::STARTING);
  EXPECT_EQ(world.job("a").plan().steps(), 40);
  EXPECT_THAT(world.Effects(),
              ElementsAre("token of jobs/a/1", "open jobs/a/1 for 2",
                          "launch jobs/a/1"));
  const v1::Attempt& attempt = world.job("a").attempts(0);
  EXPECT_EQ(attempt.name(), "jobs/a/attempts/1");
  EXPECT_EQ(attempt.ranks(1).device(), "cpu:1");
  EXPECT_EQ(attempt.ranks(1).node(), "here");
  // The end of the prepare that has reported changes nothing.
  world.ProcessEnded({"jobs/a", 0}, 0);
  EXPECT_EQ(world.job("a").state(), v1::Job::STARTING);
  EXPECT_TRUE(world.record("a").processes(0).ended());
}

TEST(StepPrepareTest, WarningsOfPrepareAreEventsOfTheJob) {
  StepWorld world(1);
  world.Create("a", 1);
  PreparedEvent event{.ticket = 100};
  event.report.mutable_caller()->set_job("jobs/a");
  event.report.mutable_plan()->add_warnings("rows are long");
  event.report.mutable_plan()->add_warnings("rows are few");
  world.Do(event);
  std::vector<std::string> told;
  for (const v1::Event& recorded : world.events()) {
    if (recorded.type() != "INPUT_WARNING") continue;
    EXPECT_EQ(recorded.severity(), v1::Event::WARNING);
    EXPECT_EQ(recorded.job(), "jobs/a");
    told.push_back(recorded.message());
  }
  EXPECT_THAT(told, ElementsAre("rows are long", "rows are few"));
}

TEST(StepPrepareTest, ARepeatedReportOfPrepareIsAnsweredLikeTheFirst) {
  StepWorld world(1);
  world.Create("a", 1);
  EXPECT_TRUE(world.answer(world.Prepared("a")).ok());
  EXPECT_TRUE(world.answer(world.Prepared("a")).ok());
  EXPECT_EQ(world.job("a").attempt(), 1);
}

TEST(StepPrepareTest, AReportOfPrepareHasPlanOrError) {
  StepWorld world(1);
  world.Create("a", 1);
  PreparedEvent event{.ticket = 100};
  event.report.mutable_caller()->set_job("jobs/a");
  world.Do(event);
  EXPECT_TRUE(absl::IsInvalidArgument(world.answer(100)));
}

TEST(StepPrepareTest, BadInputFailsTheJobWithItsReason) {
  StepWorld world(1);
  world.Create("a", 1);
  world.PrepareFailed("a", "train.jsonl:3: not JSON");
  EXPECT_EQ(world.job("a").state(), v1::Job::FAILED);
  EXPECT_EQ(world.job("a").error().reason(), "INVALID_INPUT");
  EXPECT_EQ(world.job("a").error().message(), "train.jsonl:3: not JSON");
  world.ProcessEnded({"jobs/a", 0}, kInvalidInput);
  EXPECT_THAT(world.Effects(), ElementsAre("close jobs/a/0"));
}

TEST(StepPrepareTest, APrepareThatCrashesFailsItsJobAlone) {
  StepWorld world(1);
  world.Create("a", 1);
  world.Create("b", 1);
  world.ProcessEnded({"jobs/a", 0}, 0, /*signal=*/11);
  EXPECT_EQ(world.job("a").state(), v1::Job::FAILED);
  EXPECT_THAT(world.job("a").error().message(),
              HasSubstr("prepare ended by signal 11"));
  EXPECT_EQ(world.job("b").state(), v1::Job::PREPARING);
}

TEST(StepPrepareTest, ALostPrepareIsDoneAgainAFewTimes) {
  StepWorld world(1);
  world.Create("a", 1);
  for (int i = 1; i < 3; ++i) {
    world.ProcessEnded({"jobs/a", 0}, 0);
    EXPECT_EQ(world.job("a").state(), v1::Job::PREPARING);
    EXPECT_THAT(
        world.Effects(),
        ElementsAre("close jobs/a/0", "token of jobs/a/0", "launch jobs/a/0"));
  }
  world.ProcessEnded({"jobs/a", 0}, 0);
  EXPECT_EQ(world.job("a").state(), v1::Job::FAILED);
  EXPECT_EQ(world.job("a").error().reason(), "LOST");
}

TEST(StepPrepareTest, FewPreparesRunAtATime) {
  StepWorld world(4);
  for (const char* id : {"a", "b", "c"}) world.Create(id, 1);
  EXPECT_EQ(world.job("c").state(), v1::Job::QUEUED);
  EXPECT_EQ(world.job("c").pending_reason(), v1::Job::PREPARATION);
  world.Prepared("b");
  EXPECT_EQ(world.job("c").state(), v1::Job::PREPARING);
}

TEST(StepPrepareTest, APrepareThatCannotBeStartedFailsTheJob) {
  StepWorld world(1);
  world.Create("a", 1);
  world.LaunchFailed({"jobs/a", 0});
  EXPECT_EQ(world.job("a").state(), v1::Job::FAILED);
  EXPECT_EQ(world.job("a").error().reason(), "ENGINE_ERROR");
  EXPECT_EQ(world.job("a").error().message(),
            "prepare cannot be started: no such program");
}

}  // namespace
}  // namespace lockstep
