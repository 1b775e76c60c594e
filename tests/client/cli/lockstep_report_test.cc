// `lockstep report` of the built program, against a coordinator that plays a
// part; what it writes is read by an HTML parser (check_report.py).

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// What a page must show as it is and not obey.
constexpr char kHostile[] =
    "</td></table><script src=http://evil/x.js>alert('1')</script>"
    "<img src=\"http://evil/y.png\" onerror=\"alert(2)\">&amp;";

class LockstepReportTest : public ::testing::Test {
 protected:
  LockstepReportTest() { coordinator_.cluster.info.set_revision("abc1234"); }

  RunResult Lockstep(std::vector<std::string> args) {
    args.insert(args.begin(), BinDir() + "/lockstep");
    return RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()}});
  }

  std::string Path(const std::string& name) {
    return coordinator_.folder() + "/" + name;
  }

  v1::Job& AddJob(const std::string& id) {
    v1::Job& job = coordinator_.jobs.jobs["jobs/" + id];
    job.set_name("jobs/" + id);
    job.set_state(v1::Job::SUCCEEDED);
    job.mutable_spec()->mutable_model()->set_path("/models/tiny");
    job.mutable_spec()->mutable_method()->mutable_lora()->set_r(16);
    job.mutable_spec()->mutable_train()->set_learning_rate(2e-4);
    job.mutable_spec()->mutable_method()->mutable_lora()->add_target_modules(
        "q_proj");
    job.mutable_spec()->mutable_method()->mutable_lora()->add_target_modules(
        "v_proj");
    job.mutable_spec()->mutable_data()->set_packing(v1::DataSpec::PACKING_BFD);
    job.mutable_spec()->mutable_data()->add_train()->set_path("/d.jsonl");
    (*job.mutable_spec()->mutable_labels())["team"] = "nlp";
    job.mutable_spec()->mutable_resources()->mutable_timeout()->set_seconds(90);
    job.mutable_plan()->set_rows(12);
    job.mutable_plan()->set_tokens(1000);
    job.mutable_plan()->set_trained_tokens(250);
    job.mutable_progress()->set_step(3);
    job.mutable_progress()->set_steps_planned(3);
    return job;
  }

  void AddPoint(int64_t step, const std::string& key, double value) {
    v1::MetricPoint point;
    point.set_attempt(1);
    point.set_step(step);
    (*point.mutable_values())[key] = value;
    coordinator_.jobs.points.push_back(point);
  }

  std::string Check(const std::string& page, int charts,
                    const std::vector<std::string>& more) {
    std::vector<std::string> argv = {
        OraclePython(), SourceDir() + "/tests/client/cli/check_report.py", page,
        "--charts", absl::StrCat(charts)};
    argv.insert(argv.end(), more.begin(), more.end());
    return RunProgram(argv).out;
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepReportTest, IsOnePageThatHoldsAllOfAJob) {
  v1::Goodput& goodput = *AddJob("demo").mutable_goodput();
  goodput.set_ratio(0.75);
  v1::Goodput::Share& share = *goodput.add_shares();
  share.set_class_(v1::Goodput::LOST);
  share.set_cause("WORKER_CRASH");
  share.mutable_wall()->set_seconds(7);
  share.set_device_seconds(14);
  for (int step = 1; step <= 3; ++step) {
    AddPoint(step, "loss", 3.0 / step);
    AddPoint(step, "learning_rate", 1e-4 * step);
    AddPoint(step, "tokens_per_second", 1500);
  }
  AddPoint(3, "eval_loss", 1.25);
  v1::Checkpoint& checkpoint = coordinator_.jobs.checkpoints.emplace_back();
  checkpoint.set_step(3);
  checkpoint.set_path("/out/demo/checkpoint-3");
  v1::Event& event = coordinator_.jobs.events.emplace_back();
  event.set_type("JOB_CREATED");
  event.set_message("created by local");

  const RunResult run = Lockstep({"report", "demo", "-o", Path("r.html")});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, Path("r.html") + " written\n");
  EXPECT_THAT(Check(Path("r.html"), /*charts=*/3,
                    {"--texts",
                     "demo",
                     "SUCCEEDED",
                     "3 of 3",
                     "last loss",
                     "1.0000",
                     "best evaluation loss",
                     "1.2500",
                     "250 (25.0%)",
                     "train.learning_rate",
                     "0.0002",
                     "method.lora.r",
                     "q_proj, v_proj",
                     "data.packing\nbfd",
                     "data.train[0].path\n/d.jsonl",
                     "labels.team\nnlp",
                     "resources.timeout\n90s",
                     "/out/demo/checkpoint-3",
                     "75.0% of the device time went to steps that count",
                     "LOST\nWORKER_CRASH\n7.0s\n100.0%\n14.0s",
                     "JOB_CREATED",
                     "created by local",
                     "0.1.0 (abc1234)",
                     "--absent",
                     "not finite",
                     "Attempts"}),
              StartsWith("check_report: ok"));
}

TEST_F(LockstepReportTest, ShowsHostileTextsAsTheyAre) {
  v1::Job& job = AddJob("demo");
  job.mutable_spec()->mutable_model()->set_path(kHostile);
  (*job.mutable_spec()->mutable_labels())[kHostile] = kHostile;
  job.mutable_error()->set_reason("INVALID_INPUT");
  job.mutable_error()->set_message(kHostile);
  job.mutable_plan()->add_warnings(kHostile);
  job.mutable_plan()->add_inputs()->set_path(kHostile);
  v1::Attempt& attempt = *job.add_attempts();
  attempt.set_end_message(kHostile);
  attempt.add_ranks()->set_device(kHostile);
  coordinator_.jobs.checkpoints.emplace_back().set_path(kHostile);
  coordinator_.jobs.events.emplace_back().set_message(kHostile);
  AddPoint(1, kHostile, 1);
  AddPoint(1, "loss", 1);

  const RunResult run = Lockstep({"report", "demo", "-o", Path("r.html")});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(Check(Path("r.html"), /*charts=*/1, {"--texts", kHostile}),
              StartsWith("check_report: ok"));
}

TEST_F(LockstepReportTest, TwoJobsStandSideBySide) {
  AddJob("a");
  AddJob("b").mutable_spec()->mutable_train()->set_learning_rate(1e-3);
  for (int step = 1; step <= 3; ++step) AddPoint(step, "loss", 1);

  const RunResult run = Lockstep({"report", "a", "jobs/b", "-o", "-"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  WriteFile(Path("r.html"), run.out);
  EXPECT_THAT(Check(Path("r.html"), /*charts=*/1,
                    {"--texts", "a and b", "0.0002\n0.001"}),
              StartsWith("check_report: ok"));
  // What differs is marked, and nothing else.
  EXPECT_THAT(run.out, HasSubstr("<tr class=\"differs\"><th scope=\"row\">"
                                 "train.learning_rate</th>"));
  EXPECT_THAT(run.out, HasSubstr("<tr><th scope=\"row\">method.lora.r</th>"));
}

TEST_F(LockstepReportTest, KeepsSpikesAndCountsWhatIsNotFinite) {
  AddJob("demo");
  // More points than a chart has columns; one of them is high.
  for (int step = 1; step <= 20'000; ++step) {
    AddPoint(step, "loss", step == 12'345 ? 9.0 : 1.0);
  }
  AddPoint(20'001, "loss", std::numeric_limits<double>::quiet_NaN());
  AddPoint(20'002, "loss", std::numeric_limits<double>::infinity());

  const RunResult run = Lockstep({"report", "demo", "-o", Path("r.html")});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(Check(Path("r.html"), /*charts=*/1,
                    {"--texts", "2 points are not finite and not shown"}),
              StartsWith("check_report: ok"));
  // Where 9 lies when the axis goes from 1 to 9.
  EXPECT_THAT(ReadFile(Path("r.html")), HasSubstr(",18.0 "));
  EXPECT_LT(std::filesystem::file_size(Path("r.html")), 100'000u);
}

TEST_F(LockstepReportTest, OfAJobWithoutPointsSaysSo) {
  v1::Job& job = coordinator_.jobs.jobs["jobs/new"];
  job.set_name("jobs/new");
  job.set_state(v1::Job::QUEUED);

  const RunResult run = Lockstep({"report", "new", "-o", Path("r.html")});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(Check(Path("r.html"), /*charts=*/0,
                    {"--texts", "QUEUED", "No points yet.", "--absent",
                     "Checkpoints", "Events", "Data"}),
              StartsWith("check_report: ok"));
}

TEST_F(LockstepReportTest, ReplacesAnEarlierReport) {
  AddJob("demo");
  WriteFile(Path("r.html"), "an old one");

  EXPECT_EQ(Lockstep({"report", "demo", "-o", Path("r.html")}).exit_code, 0);

  EXPECT_THAT(ReadFile(Path("r.html")), StartsWith("<!DOCTYPE html>"));
  EXPECT_FALSE(std::filesystem::exists(Path("r.html.part")));
}

TEST_F(LockstepReportTest, NamesAFileThatCannotBeWritten) {
  AddJob("demo");

  const RunResult run = Lockstep({"report", "demo", "-o", Path("none/r.html")});

  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, AllOf(HasSubstr("none/r.html"),
                             HasSubstr("No such file or directory")));
}

TEST_F(LockstepReportTest, AnUnknownJobIsNotFound) {
  AddJob("demo");

  const RunResult run = Lockstep({"report", "demo", "demp"});

  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("did you mean \"demo\"?"));
}

TEST_F(LockstepReportTest, ThreeJobsAreAUsageError) {
  EXPECT_EQ(Lockstep({"report", "a", "b", "c"}).exit_code, 2);
}

}  // namespace
}  // namespace lockstep::testing
