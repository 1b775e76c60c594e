// `lockstep trace` and the flags of `lockstep metrics`, against a coordinator
// that plays a part.

#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

class LockstepTraceTest : public ::testing::Test {
 protected:
  LockstepTraceTest() {
    v1::Job& job = coordinator_.jobs.jobs["jobs/demo"];
    job.set_name("jobs/demo");
    job.mutable_progress()->set_step(20);
    job.mutable_spec()->mutable_logging()->set_logging_steps(5);
    v1::MetricPoint& point = coordinator_.jobs.points.emplace_back();
    point.set_attempt(1);
    point.set_step(20);
    for (int step = 16; step <= 20; ++step) {
      v1::Span& span = *point.add_spans();
      span.set_kind(v1::Span::FORWARD);
      span.set_step(step);
      span.set_duration_us(10);
    }
  }

  RunResult Lockstep(std::vector<std::string> args) {
    args.insert(args.begin(), BinDir() + "/lockstep");
    return RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()}});
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepTraceTest, WritesAFileAndSaysWhatToDoWithIt) {
  const std::string path = coordinator_.folder() + "/t.json";
  const RunResult run =
      Lockstep({"trace", "demo", "--steps", "17-18", "-o", path});

  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, path +
                         " written: 2 spans of steps 17 to 18; open it in "
                         "ui.perfetto.dev\n");
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(nlohmann::json::parse(text.str())["traceEvents"].size(), 6u);
  // What the log keeps of a step may come with an entry or two after it.
  const v1::StreamMetricsRequest& request = coordinator_.jobs.metrics_request;
  EXPECT_TRUE(request.spans());
  EXPECT_FALSE(request.has_rank());
  EXPECT_EQ(request.first_step(), 17);
  EXPECT_EQ(request.last_step(), 28);
}

TEST_F(LockstepTraceTest, IsOfTheNewestStepsUnlessTold) {
  const RunResult run = Lockstep({"trace", "demo", "-o", "-"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(coordinator_.jobs.metrics_request.first_step(), 11);
  EXPECT_EQ(nlohmann::json::parse(run.out)["traceEvents"].size(), 12u);
}

TEST_F(LockstepTraceTest, NamesWhatIsWrong) {
  RunResult run = Lockstep({"trace", "demo", "--steps", "9-3"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("--steps \"9-3\" is neither"));
  run = Lockstep({"trace", "demo", "--steps", "30-31"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("jobs/demo has no times of steps 30 to 31; 1 "
                                 "to 20 are done"));
  coordinator_.jobs.jobs["jobs/demo"].clear_progress();
  run = Lockstep({"trace", "demo", "--steps", "30"});
  EXPECT_THAT(run.err, HasSubstr("none is done yet"));
  EXPECT_EQ(Lockstep({"trace", "dema"}).exit_code, 3);
  run = Lockstep({"trace", "demo", "--steps", "17", "-o", "/none/t.json"});
  EXPECT_NE(run.exit_code, 0);
  EXPECT_THAT(run.err, HasSubstr("/none/t.json"));
}

TEST_F(LockstepTraceTest, MetricsAreOfOneRankOrOfAll) {
  const v1::StreamMetricsRequest& request = coordinator_.jobs.metrics_request;
  EXPECT_EQ(Lockstep({"metrics", "demo"}).exit_code, 0);
  EXPECT_TRUE(request.has_rank());
  EXPECT_EQ(request.rank(), 0);
  EXPECT_EQ(Lockstep({"metrics", "demo", "--rank", "3"}).exit_code, 0);
  EXPECT_EQ(request.rank(), 3);
  EXPECT_EQ(Lockstep({"metrics", "demo", "--rank", "all", "--steps", "2-4"})
                .exit_code,
            0);
  EXPECT_FALSE(request.has_rank());
  EXPECT_EQ(request.first_step(), 2);
  EXPECT_EQ(request.last_step(), 4);
  EXPECT_EQ(Lockstep({"metrics", "demo", "--rank", "some"}).exit_code, 2);
  EXPECT_EQ(Lockstep({"metrics", "demo", "--steps", "x"}).exit_code, 2);
}

}  // namespace
}  // namespace lockstep::testing
