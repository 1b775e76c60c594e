// A loss or a rate that is no number, wherever the command line shows one: it
// is told as it is, as a diverged run is what people look for.

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/top_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct NotFinite {
  double value;
  std::string text;
  std::string json;  // As protocol buffers have it.
};

class LockstepNotFiniteTest : public ::testing::TestWithParam<NotFinite> {
 protected:
  LockstepNotFiniteTest() {
    v1::Job& job = *coordinator_.jobs.changes.emplace_back().mutable_job();
    job.set_name("jobs/demo");
    job.set_state(v1::Job::SUCCEEDED);
    job.mutable_plan()->set_steps(3);
    job.mutable_progress()->set_step(2);
    for (const auto set :
         {&v1::Progress::set_loss, &v1::Progress::set_first_loss,
          &v1::Progress::set_eval_loss, &v1::Progress::set_epoch,
          &v1::Progress::set_tokens_per_second}) {
      (job.mutable_progress()->*set)(GetParam().value);
    }
    job.mutable_progress()->set_mfu(GetParam().value);
    coordinator_.jobs.jobs["jobs/demo"] = job;
    for (int step = 1; step <= 2; ++step) {
      v1::MetricPoint& point = coordinator_.jobs.points.emplace_back();
      point.set_attempt(1);
      point.set_step(step);
      for (const char* key : {"loss", "learning_rate", "tokens_per_second"}) {
        (*point.mutable_values())[key] = step == 1 ? 2.5 : GetParam().value;
      }
    }
  }

  std::string Out(std::vector<std::string> args) { return Run(args).out; }

  RunResult Run(std::vector<std::string> args) {
    args.insert(args.begin(), BinDir() + "/lockstep");
    RunResult run =
        RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()}});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return run;
  }

  FakeCoordinator coordinator_;
};

TEST_P(LockstepNotFiniteTest, MetricsHaveIt) {
  const auto& [value, text, json] = GetParam();
  EXPECT_EQ(
      Out({"metrics", "demo"}),
      absl::StrCat("attempt,rank,step,learning_rate,loss,tokens_per_second"
                   "\n1,0,1,2.5,2.5,2.5\n1,0,2,",
                   text, ",", text, ",", text, "\n"));
  EXPECT_THAT(Out({"metrics", "demo", "-o", "json"}),
              HasSubstr(absl::StrCat("\"loss\":\"", json, "\"")));
}

TEST_P(LockstepNotFiniteTest, ListsAndPagesOfJobsHaveIt) {
  const auto& [value, text, json] = GetParam();
  EXPECT_THAT(Out({"jobs", "list"}), HasSubstr(" 2/3   " + text + " "));
  EXPECT_THAT(Out({"jobs", "describe", "demo"}),
              AllOf(HasSubstr(text + ", at first " + text),
                    HasSubstr("epoch " + text), HasSubstr(text + " tok/s, "),
                    HasSubstr(text + "% of the GPUs' peak")));
  for (const char* verb : {"list", "get", "describe"}) {
    std::vector<std::string> args = {"jobs", verb, "demo", "-o", "json"};
    if (args[1] == "list") args.erase(args.begin() + 2);
    const std::string out = Out(args);
    EXPECT_TRUE(absl::StrContains(out, "\"loss\":\"" + json + "\"") ||
                absl::StrContains(out, "\"loss\": \"" + json + "\""))
        << out;
  }
}

TEST_P(LockstepNotFiniteTest, TheFollowedLineHasIt) {
  const std::string& text = GetParam().text;
  const std::string file = coordinator_.folder() + "/job.yaml";
  WriteFile(file,
            "{apiVersion: lockstep/v1, name: demo, model: {path: /m}, method: "
            "{lora: {}}, data: {train: [{path: /d}]}, output_dir: /o}");
  EXPECT_THAT(Run({"submit", file, "--follow"}).err,
              HasSubstr(absl::StrCat("loss ", text, " lr ", text, " ", text,
                                     " tok/s")));
}

TEST_P(LockstepNotFiniteTest, CurvesLeaveItOutAndSaySo) {
  EXPECT_THAT(Out({"plot", "demo"}), HasSubstr("not finite"));
}

TEST_P(LockstepNotFiniteTest, TopDrawsWhatCanBeDrawn) {
  cli::TopState state("demo");
  state.OnNews({{coordinator_.jobs.jobs["jobs/demo"]}, {}, ""});
  const double bad = GetParam().value;
  for (const std::vector<cli::PlotPoint>& loss :
       {std::vector<cli::PlotPoint>{{1, 2.5}, {2, bad}, {3, 1.5}},
        std::vector<cli::PlotPoint>{{1, bad}}}) {
    cli::Frame frame(80, 24);
    cli::DrawTop(state, {.loss = loss, .log = {}}, absl::FromUnixSeconds(100),
                 {.unicode = false}, frame);
    EXPECT_THAT(frame.Text(), AllOf(HasSubstr("demo: loss by step"),
                                    HasSubstr(GetParam().text)));
  }
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string NotFiniteName(const ::testing::TestParamInfo<NotFinite>& info) {
  const char* const names[] = {"Nan", "Infinity", "MinusInfinity"};
  return names[info.index];
}

INSTANTIATE_TEST_SUITE_P(
    Values, LockstepNotFiniteTest,
    ::testing::Values(NotFinite{std::nan(""), "nan", "NaN"},
                      NotFinite{kInfinity, "inf", "Infinity"},
                      NotFinite{-kInfinity, "-inf", "-Infinity"}),
    NotFiniteName);

}  // namespace
}  // namespace lockstep::testing
