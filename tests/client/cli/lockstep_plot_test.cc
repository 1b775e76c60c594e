// `lockstep plot` of the built program, against a coordinator that plays a
// part.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class LockstepPlotTest : public ::testing::Test {
 protected:
  LockstepPlotTest() {
    AddPoints("a", {4, 2});
    AddPoints("b", {3, 1e308});
    coordinator_.jobs.jobs["jobs/none"].set_name("jobs/none");
  }

  void AddPoints(const std::string& id, const std::vector<double>& losses) {
    const std::string name = "jobs/" + id;
    coordinator_.jobs.jobs[name].set_name(name);
    for (const double loss : losses) {
      auto& points = coordinator_.jobs.points_of[name];
      v1::MetricPoint& point = points.emplace_back();
      point.set_step(static_cast<int64_t>(points.size()));
      (*point.mutable_values())["loss"] = loss;
      (*point.mutable_values())["grad_norm"] = 1;
    }
  }

  RunResult Plot(std::vector<std::string> args) {
    args.insert(args.begin(), {BinDir() + "/lockstep", "plot"});
    return RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()}});
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepPlotTest, SeveralJobsHaveALegend) {
  for (const std::vector<std::string>& names :
       {std::vector<std::string>{"a,job/b"}, {"a", "b"}}) {
    const RunResult run = Plot(names);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_THAT(run.out, AllOf(HasSubstr("loss by step\n"),
                               HasSubstr("A a   B b\n"), HasSubstr("e+308 ")));
    EXPECT_THAT(run.out, Not(HasSubstr("\x1b")));
  }
}

TEST_F(LockstepPlotTest, SeveralMetricsOfAJobHaveALegend) {
  EXPECT_THAT(Plot({"a", "--key", "loss,grad_norm"}).out,
              AllOf(HasSubstr("a: 2 metrics by step\n"),
                    HasSubstr("A loss   B grad_norm\n")));
}

TEST_F(LockstepPlotTest, TakesSmoothingAndALogarithmicAxis) {
  const RunResult run = Plot({"b", "--smooth", "0.9", "--log-y"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("b: loss by step, smoothed by 0.9\n"),
                             HasSubstr("1e+300 ")));
  EXPECT_EQ(Plot({"b", "--smooth", "1"}).exit_code, 2);
  EXPECT_EQ(Plot({"b", "--smooth", "much"}).exit_code, 2);
}

TEST_F(LockstepPlotTest, FollowedIntoAFileItIsThePictureAtTheEnd) {
  const RunResult run = Plot({"a,b", "-f"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("A a   B b\n"));
}

TEST_F(LockstepPlotTest, SaysWhichJobIsNotThereOrHasNoPoints) {
  coordinator_.jobs.points_of["jobs/none"];
  RunResult run = Plot({"a,none"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("job/none has no points of \"loss\""));
  run = Plot({"a", "--key", "lossy"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("did you mean loss?"));
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"a,zzzzz"}, {"a,zzzzz", "-f"}}) {
    run = Plot(args);
    EXPECT_EQ(run.exit_code, 3);
    EXPECT_THAT(run.err, HasSubstr("zzzzz"));
  }
}

TEST_F(LockstepPlotTest, RefusesWhatNobodyCouldRead) {
  RunResult run = Plot({"a", "-o", "json"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("lockstep metrics NAME -o json"));
  run = Plot({"a,a,a,a,a,a,a", "--key", "loss,grad_norm"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("more than 12 curves"));
}

}  // namespace
}  // namespace lockstep::testing
