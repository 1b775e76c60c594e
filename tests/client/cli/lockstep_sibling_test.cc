// The programs that `lockstep` runs: a copy of it lies next to scripts that
// play lockstepd and lockstep-worker.

#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class LockstepSiblingTest : public ::testing::Test {
 protected:
  LockstepSiblingTest() {
    fs::copy(BinDir() + "/lockstep", Path("lockstep"));
    WriteFile(Path("job.yaml"),
              "apiVersion: lockstep/v1\nname: demo\nmodel: {path: m}\n"
              "method: {full: {}}\ndata: {train: [{path: d.jsonl}]}\n"
              "resources: {ranks: 2}\noutput_dir: out\n");
    v1::Job& job = coordinator_.jobs.jobs["jobs/demo"];
    job.set_name("jobs/demo");
    job.set_state(v1::Job::SUCCEEDED);
    job.mutable_spec()->mutable_model()->set_path("/models/base");
    job.mutable_spec()->set_output_dir("/results/demo");
  }

  std::string Path(const std::string& name) const {
    return coordinator_.folder() + "/" + name;
  }

  void Script(const std::string& name, const std::string& body) {
    WriteFile(Path(name), "#!/bin/sh\n" + body + "\n");
    fs::permissions(Path(name), fs::perms::owner_all);
  }

  RunResult Lockstep(std::vector<std::string> args) {
    args.insert(args.begin(), Path("lockstep"));
    return RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()},
                             {"TMPDIR", coordinator_.folder()}});
  }

  RunResult Export(std::vector<std::string> more) {
    std::vector<std::string> args = {"checkpoints", "export",   "demo",
                                     "--merge",     "--output", "/merged"};
    args.insert(args.end(), more.begin(), more.end());
    return Lockstep(args);
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepSiblingTest, ExportMergesTheResultOfAJobThatSucceeded) {
  Script("lockstep-worker", "echo \"$@\"");

  const RunResult run = Export({});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out,
            "export --checkpoint /results/demo --base /models/base --output "
            "/merged --merge\n");
}

TEST_F(LockstepSiblingTest, ExportKeepsAnAdapterAndTheJobsTemplate) {
  Script("lockstep-worker", "for word in \"$@\"; do echo \"[$word]\"; done");
  coordinator_.jobs.jobs["jobs/demo"]
      .mutable_spec()
      ->mutable_model()
      ->set_chat_template("{{ a }} b");

  const RunResult run =
      Lockstep({"checkpoints", "export", "demo", "--output", "/adapter"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out,
            "[export]\n[--checkpoint]\n[/results/demo]\n[--base]\n"
            "[/models/base]\n[--output]\n[/adapter]\n"
            "[--chat-template={{ a }} b]\n");
}

TEST_F(LockstepSiblingTest, WorkOnLocalFilesIsTheWorkers) {
  Script("lockstep-worker", "echo \"$@\"");

  EXPECT_EQ(Lockstep({"dataset", "preview", "f.jsonl", "--model", "/m",
                      "--show-mask", "--help"})
                .out,
            "dataset preview f.jsonl --model /m --show-mask --help\n");
  EXPECT_EQ(
      Lockstep({"-o", "json", "dataset", "stats", "f", "--model", "/m"}).out,
      "dataset stats f --model /m --output json\n");
  EXPECT_EQ(Lockstep({"tokenizer", "decode", "1", "2", "--model", "/m"}).out,
            "tokenizer decode 1 2 --model /m\n");
}

TEST_F(LockstepSiblingTest, TheWorkersEndIsTheCommands) {
  Script("lockstep-worker", "exit 2");
  EXPECT_EQ(Lockstep({"dataset", "check"}).exit_code, 2);
  Script("lockstep-worker", "exit 65");
  EXPECT_EQ(Lockstep({"dataset", "check"}).exit_code, 1);
  fs::remove(Path("lockstep-worker"));
  EXPECT_EQ(Lockstep({"dataset", "check"}).exit_code, 1);
}

TEST_F(LockstepSiblingTest, ExportTakesStepAndDtype) {
  Script("lockstep-worker", "echo \"$@\"");
  for (int step : {20, 40}) {
    v1::Checkpoint checkpoint;
    checkpoint.set_step(step);
    checkpoint.set_path("/results/demo/checkpoint-" + std::to_string(step));
    coordinator_.jobs.checkpoints.push_back(checkpoint);
  }

  EXPECT_THAT(Export({"--step", "20", "--dtype", "bf16"}).out,
              AllOf(HasSubstr("--checkpoint /results/demo/checkpoint-20 "),
                    HasSubstr("--dtype bf16")));
  coordinator_.jobs.jobs["jobs/demo"].set_state(v1::Job::FAILED);
  EXPECT_THAT(Export({}).out, HasSubstr("/results/demo/checkpoint-40 "));
}

TEST_F(LockstepSiblingTest, AFailedExportFails) {
  Script("lockstep-worker", "echo 'error: disk full' >&2; exit 68");

  const RunResult run = Export({});

  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err, "error: disk full\n");
}

TEST_F(LockstepSiblingTest, AMissingWorkerIsNamed) {
  const RunResult run = Export({});

  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr(Path("lockstep-worker") + " is not there"));
}

TEST_F(LockstepSiblingTest, RunNeedsItsCoordinator) {
  const RunResult run = Lockstep({"run", Path("job.yaml")});

  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr(Path("lockstepd") + " is not there"));
}

TEST_F(LockstepSiblingTest, RunShowsWhyItsCoordinatorEnded) {
  Script("lockstepd", "echo 'no room' \"$@\"; exit 3");
  Script("lockstep-worker", "exit 0");

  const RunResult run = Lockstep({"run", Path("job.yaml")});

  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, AllOf(HasSubstr("lockstepd ended with 3"),
                             HasSubstr("no room"), HasSubstr("--cpu-slots 2"),
                             HasSubstr("--worker " + Path("lockstep-worker"))));
  // Its folder is gone.
  for (const auto& entry : fs::directory_iterator(coordinator_.folder())) {
    EXPECT_THAT(entry.path().string(),
                ::testing::Not(HasSubstr("lockstep-run-")));
  }
}

class RunGivenUpTest : public LockstepSiblingTest,
                       public ::testing::WithParamInterface<int> {};

TEST_P(RunGivenUpTest, WhileItsCoordinatorStartsLeavesNothing) {
  ASSERT_EQ(mkfifo(Path("up").c_str(), 0600), 0);
  Script("lockstepd", "echo $$ > " + Path("up") + "; exec sleep 600");
  Script("lockstep-worker", "exit 0");
  BackgroundProcess run({Path("lockstep"), "run", Path("job.yaml")},
                        {{"TMPDIR", coordinator_.folder()}}, Path("log"));
  const pid_t daemon = std::stoi(ReadFile(Path("up")));

  run.Signal(GetParam());

  EXPECT_EQ(run.Wait(), 130) << ReadFile(Path("log"));
  EXPECT_EQ(kill(daemon, 0), -1);
  for (const auto& entry : fs::directory_iterator(coordinator_.folder())) {
    EXPECT_THAT(entry.path().string(),
                ::testing::Not(HasSubstr("lockstep-run-")));
  }
}

INSTANTIATE_TEST_SUITE_P(BySignal, RunGivenUpTest,
                         ::testing::Values(SIGINT, SIGHUP));

TEST_F(LockstepSiblingTest, RunRefusesABadJobFileFirst) {
  EXPECT_EQ(
      Lockstep({"run", Path("job.yaml"), "--set", "max_restarts=-1"}).exit_code,
      2);
}

}  // namespace
}  // namespace lockstep::testing
