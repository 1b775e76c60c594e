// The built program against a coordinator that plays a part.

#include <signal.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class LockstepProgramTest : public ::testing::Test {
 protected:
  RunResult Lockstep(std::vector<std::string> args) {
    args.insert(args.begin(), BinDir() + "/lockstep");
    return RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()}});
  }

  std::string JobFile() {
    std::string path = coordinator_.folder() + "/job.yaml";
    WriteFile(path,
              "apiVersion: lockstep/v1\nname: demo\nmodel: {path: m}\n"
              "method: {full: {}}\ndata: {train: [{path: d.jsonl}]}\n"
              "resources: {ranks: 2}\noutput_dir: out\n");
    return path;
  }

  // The job that every watch shows, in these states.
  void Live(const std::vector<v1::Job::State>& states) {
    for (v1::Job::State state : states) {
      v1::WatchJobsResponse change;
      v1::Job& job = *change.mutable_job();
      job.set_name("jobs/demo");
      job.set_state(state);
      job.mutable_spec()->mutable_resources()->set_ranks(2);
      if (state == v1::Job::RUNNING) {
        job.set_attempt(1);
        job.mutable_plan()->set_steps(3);
      }
      if (state == v1::Job::FAILED) {
        job.mutable_error()->set_reason("INVALID_INPUT");
        job.mutable_error()->set_message("d.jsonl:2: not JSON");
      }
      coordinator_.jobs.changes.push_back(change);
    }
    coordinator_.jobs.jobs["jobs/demo"] =
        coordinator_.jobs.changes.back().job();
  }

  void AddPoint(int64_t step, double loss) {
    v1::MetricPoint point;
    point.set_attempt(1);
    point.set_step(step);
    (*point.mutable_values())["loss"] = loss;
    (*point.mutable_values())["tokens_per_second"] = 1500;
    coordinator_.jobs.points.push_back(point);
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepProgramTest, SubmitPrintsTheJobAndSendsAbsolutePaths) {
  const RunResult run = Lockstep({"submit", JobFile(), "--label", "team=nlp"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "job/demo created\n");
  const v1::CreateJobRequest sent = coordinator_.jobs.created();
  EXPECT_EQ(sent.spec().model().path(), coordinator_.folder() + "/m");
  EXPECT_EQ(sent.spec().labels().at("team"), "nlp");
  EXPECT_EQ(sent.request_id().size(), 36u);
  // Defaults are the coordinator's to fill in.
  EXPECT_FALSE(sent.spec().train().has_learning_rate());
}

TEST_F(LockstepProgramTest, SubmitTakesNameAndRequestId) {
  EXPECT_EQ(
      Lockstep({"submit", JobFile(), "--name", "other", "--request-id", "r-1"})
          .out,
      "job/other created\n");
  EXPECT_EQ(coordinator_.jobs.created().request_id(), "r-1");
}

TEST_F(LockstepProgramTest, SubmitTakesAPriority) {
  EXPECT_EQ(Lockstep({"submit", JobFile(), "--priority", "low"}).exit_code, 0);
  EXPECT_EQ(coordinator_.jobs.created().spec().resources().priority(),
            v1::ResourceSpec::PRIORITY_LOW);
}

TEST_F(LockstepProgramTest, ADryRunOnTheServerCreatesNothing) {
  EXPECT_THAT(Lockstep({"submit", JobFile(), "--dry-run=server"}).out,
              HasSubstr("ok (dry run)"));
  EXPECT_TRUE(coordinator_.jobs.created().validate_only());
}

TEST_F(LockstepProgramTest, RefusedFieldsAreShownAtTheirPlace) {
  coordinator_.jobs.create_error =
      errors::InvalidSpec({{"resources.ranks", "2 is odd"}});

  const RunResult run = Lockstep({"submit", JobFile()});

  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("job.yaml:6:13: resources.ranks: 2 is odd"));
}

TEST_F(LockstepProgramTest, TooManyRanksIsAConflict) {
  coordinator_.jobs.create_error =
      errors::Error(absl::StatusCode::kFailedPrecondition, "NOT_ENOUGH_DEVICES",
                    "3 ranks, but the cluster has 2 CPU slots");

  const RunResult run = Lockstep({"submit", JobFile()});

  EXPECT_EQ(run.exit_code, 6);
  EXPECT_THAT(run.err, HasSubstr("error: 3 ranks, but the cluster has 2"));
}

TEST_F(LockstepProgramTest, ATokenThatIsMissingIsNotAllowed) {
  coordinator_.jobs.create_error = errors::TokenMissing();

  const RunResult run = Lockstep({"submit", JobFile()});

  EXPECT_EQ(run.exit_code, 4);
  EXPECT_THAT(run.err, HasSubstr("--token-file"));
}

TEST_F(LockstepProgramTest, SubmitWaitSucceedsQuietly) {
  Live({v1::Job::QUEUED, v1::Job::RUNNING, v1::Job::SUCCEEDED});

  const RunResult run = Lockstep({"submit", JobFile(), "--wait"});

  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out, "job/demo created\njob/demo succeeded\n");
  EXPECT_EQ(run.err, "");
}

TEST_F(LockstepProgramTest, SubmitWaitGivesTheReasonOfAFailure) {
  Live({v1::Job::QUEUED, v1::Job::PREPARING, v1::Job::FAILED});

  const RunResult run = Lockstep({"submit", JobFile(), "--wait"});

  EXPECT_EQ(run.exit_code, 10);
  EXPECT_THAT(run.err, AllOf(HasSubstr("error: d.jsonl:2: not JSON"),
                             HasSubstr("lockstep logs demo --prepare")));
}

TEST_F(LockstepProgramTest, SubmitFollowShowsPhasesAndSteps) {
  Live({v1::Job::QUEUED, v1::Job::PREPARING, v1::Job::RUNNING,
        v1::Job::SUCCEEDED});
  AddPoint(1, 4.5);
  AddPoint(2, 3.5);
  AddPoint(3, 2.5);

  const RunResult run = Lockstep({"submit", JobFile(), "--follow"});

  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.err, AllOf(HasSubstr("queued\n"), HasSubstr("preparing"),
                             HasSubstr("running attempt 1 on 2 ranks, 3 steps"),
                             HasSubstr("step 1"), HasSubstr("step 3"),
                             HasSubstr("loss 2.500"), HasSubstr("1.5k tok/s")));
}

TEST_F(LockstepProgramTest, AFollowSurvivesARestartOfTheCoordinator) {
  Live({v1::Job::QUEUED, v1::Job::RUNNING, v1::Job::SUCCEEDED});
  coordinator_.jobs.drop_watch_after = 1;

  EXPECT_EQ(Lockstep({"wait", "demo"}).exit_code, 0);
}

TEST_F(LockstepProgramTest, ACancelledJobHasItsOwnExitCode) {
  Live({v1::Job::CANCELLED});

  EXPECT_EQ(Lockstep({"wait", "jobs/demo"}).exit_code, 11);
}

TEST_F(LockstepProgramTest, AWaitTimesOut) {
  Live({v1::Job::RUNNING});
  coordinator_.jobs.hold_watch = true;

  const RunResult run = Lockstep({"wait", "demo", "--timeout", "100ms"});

  EXPECT_EQ(run.exit_code, 12);
  EXPECT_THAT(run.err, HasSubstr("it goes on"));
}

TEST_F(LockstepProgramTest, CtrlCLeavesTheJobAndSaysHowToComeBack) {
  Live({v1::Job::RUNNING});
  coordinator_.jobs.hold_watch = true;
  const std::string log = coordinator_.folder() + "/err";
  BackgroundProcess program({BinDir() + "/lockstep", "wait", "demo"},
                            {{"LOCKSTEP_SERVER", coordinator_.address()}}, log);
  while (coordinator_.jobs.watch_tokens().empty()) {
    absl::SleepFor(absl::Milliseconds(5));
  }

  program.Signal(SIGINT);

  EXPECT_EQ(program.Wait(), 130);
  EXPECT_THAT(ReadFile(log), HasSubstr("lockstep watch demo"));
}

TEST_F(LockstepProgramTest, AnUnknownJobSuggestsTheNearest) {
  Live({v1::Job::RUNNING});

  const RunResult run = Lockstep({"jobs", "get", "dmeo"});

  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, AllOf(HasSubstr("error: jobs/dmeo does not exist"),
                             HasSubstr("did you mean \"demo\"?")));
}

TEST_F(LockstepProgramTest, JobsAreListedAsATable) {
  Live({v1::Job::RUNNING});

  const RunResult run = Lockstep({"jobs", "list"});

  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out,
              AllOf(HasSubstr("NAME  STATE"), HasSubstr("demo  RUNNING")));
}

TEST_F(LockstepProgramTest, JobsAreJsonOnRequest) {
  Live({v1::Job::RUNNING});

  EXPECT_THAT(Lockstep({"jobs", "list", "-o", "json"}).out,
              HasSubstr("\"name\": \"jobs/demo\""));
  EXPECT_THAT(Lockstep({"-o", "json", "jobs", "get", "demo"}).out,
              HasSubstr("\"state\": \"RUNNING\""));
}

TEST_F(LockstepProgramTest, AnEmptyListIsAListInJson) {
  EXPECT_EQ(Lockstep({"jobs", "list", "-o", "json"}).out,
            "{\n \"jobs\": []\n}\n");
}

TEST_F(LockstepProgramTest, AJobIsDescribed) {
  Live({v1::Job::FAILED});

  EXPECT_THAT(Lockstep({"jobs", "get", "demo"}).out,
              AllOf(HasSubstr("state       FAILED"),
                    HasSubstr("error       d.jsonl:2: not JSON")));
}

TEST_F(LockstepProgramTest, CancelSaysWhatTheJobDoes) {
  Live({v1::Job::RUNNING});

  EXPECT_EQ(Lockstep({"jobs", "cancel", "demo"}).out, "job/demo cancelling\n");
  EXPECT_EQ(Lockstep({"jobs", "cancel", "none"}).exit_code, 3);
}

TEST_F(LockstepProgramTest, WatchPrintsALineAChange) {
  Live({v1::Job::QUEUED, v1::Job::RUNNING, v1::Job::SUCCEEDED});

  const RunResult run = Lockstep({"watch", "demo"});

  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out,
              AllOf(HasSubstr("demo QUEUED"), HasSubstr("demo RUNNING"),
                    HasSubstr("demo SUCCEEDED")));
}

TEST_F(LockstepProgramTest, MetricsAreCsvOrJsonLines) {
  Live({v1::Job::SUCCEEDED});
  AddPoint(1, 4.5);
  AddPoint(2, 0.1);

  EXPECT_EQ(Lockstep({"metrics", "demo"}).out,
            "attempt,rank,step,loss,tokens_per_second\n"
            "1,0,1,4.5,1500\n"
            "1,0,2,0.10000000000000001,1500\n");
  EXPECT_EQ(Lockstep({"metrics", "demo", "--key", "loss", "-o", "json"}).out,
            "{\"attempt\":1,\"step\":\"1\",\"values\":{\"loss\":4.5}}\n"
            "{\"attempt\":1,\"step\":\"2\",\"values\":{\"loss\":0.1}}\n");
}

TEST_F(LockstepProgramTest, APlotIsDrawn) {
  Live({v1::Job::SUCCEEDED});
  AddPoint(1, 4.5);
  AddPoint(2, 0.5);

  EXPECT_THAT(Lockstep({"plot", "demo", "--ascii"}).out,
              AllOf(HasSubstr("demo: loss by step"), HasSubstr("*")));
  const RunResult none = Lockstep({"plot", "demo", "--key", "bleu"});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, AllOf(HasSubstr("no points of \"bleu\""),
                              HasSubstr("it has loss, tokens_per_second")));
}

TEST_F(LockstepProgramTest, CheckpointsAreListed) {
  v1::Checkpoint checkpoint;
  checkpoint.set_step(40);
  checkpoint.set_path("/o/checkpoint-40");
  checkpoint.set_size_bytes(2048);
  coordinator_.jobs.checkpoints = {checkpoint};

  EXPECT_THAT(Lockstep({"checkpoints", "list", "demo"}).out,
              AllOf(HasSubstr("40"), HasSubstr("2.0 KiB"),
                    HasSubstr("/o/checkpoint-40")));
}

TEST_F(LockstepProgramTest, ExportNeedsACheckpoint) {
  Live({v1::Job::RUNNING});

  const RunResult none = Lockstep(
      {"checkpoints", "export", "demo", "--merge", "--output", "/tmp/x"});

  EXPECT_EQ(none.exit_code, 6);
  EXPECT_THAT(none.err, HasSubstr("has no checkpoint yet"));
}

TEST_F(LockstepProgramTest, ExportOfAnUnknownStepNamesTheKnownOnes) {
  Live({v1::Job::SUCCEEDED});
  v1::Checkpoint checkpoint;
  checkpoint.set_step(40);
  coordinator_.jobs.checkpoints = {checkpoint};

  const RunResult none = Lockstep({"checkpoints", "export", "demo", "--merge",
                                   "--output", "/tmp/x", "--step", "7"});

  EXPECT_EQ(none.exit_code, 3);
  EXPECT_THAT(none.err, HasSubstr("no checkpoint of step 7; it has 40"));
}

}  // namespace
}  // namespace lockstep::testing
