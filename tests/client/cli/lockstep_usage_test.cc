// The built program without a coordinator: what it refuses, and with which exit
// code.

#include <unistd.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

RunResult Lockstep(std::vector<std::string> args) {
  args.insert(args.begin(), BinDir() + "/lockstep");
  return RunProgram(args, {{"LOCKSTEP_SERVER", "unix:/nonexistent/sock"}});
}

std::string JobFile(const std::string& more) {
  std::string path =
      ::testing::TempDir() + "/" +
      ::testing::UnitTest::GetInstance()->current_test_info()->name() + "." +
      std::to_string(getpid()) + ".yaml";
  WriteFile(path,
            "apiVersion: lockstep/v1\nmodel: {path: m}\nmethod: {full: {}}\n"
            "data: {train: [{path: d.jsonl}]}\noutput_dir: out\n" +
                more);
  return path;
}

TEST(LockstepUsageTest, AGoodJobFileIsValid) {
  const RunResult run = Lockstep({"validate", JobFile("")});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr(".yaml: ok"));
  EXPECT_THAT(run.err, IsEmpty());
}

TEST(LockstepUsageTest, ValidatePrintsTheResolvedSpecAsJson) {
  const RunResult run = Lockstep({"validate", JobFile(""), "-o", "json"});

  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, HasSubstr("\"learning_rate\": 2e-05"));
}

TEST(LockstepUsageTest, AnUnknownKeyIsAUsageError) {
  const RunResult run =
      Lockstep({"validate", JobFile("trian: {max_steps: 3}\n")});

  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, AllOf(HasSubstr(".yaml:6:1: trian: unknown field"),
                             HasSubstr("did you mean train?")));
  EXPECT_THAT(run.out, IsEmpty());
}

TEST(LockstepUsageTest, ABadValueIsAUsageError) {
  const RunResult run =
      Lockstep({"validate", JobFile("train: {learning_rate: -1}\n")});

  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr(":6:9: train.learning_rate: -1 is not above"));
}

TEST(LockstepUsageTest, ProblemsAreJsonOnRequest) {
  const RunResult run = Lockstep(
      {"validate", JobFile("train: {learning_rate: -1}\n"), "-o", "json"});

  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, AllOf(HasSubstr("\"reason\":\"INVALID_SPEC\""),
                             HasSubstr("\"field\":\"train.learning_rate\"")));
}

TEST(LockstepUsageTest, AMissingJobFileIsNamed) {
  const RunResult run = Lockstep({"validate", "/nonexistent/job.yaml"});

  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("error: /nonexistent/job.yaml: cannot be"));
}

TEST(LockstepUsageTest, StandardInputIsAJobFile) {
  const RunResult run = Lockstep({"validate", "-"});

  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("<stdin>: is empty"));
}

TEST(LockstepUsageTest, AnUnknownVerbNamesTheNearest) {
  const RunResult run = Lockstep({"submti", "x.yaml"});

  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("did you mean submit?"));
}

TEST(LockstepUsageTest, AnUnknownVerbBehindGlobalFlagsIsFound) {
  const RunResult run = Lockstep({"--server", "unix:/x", "-q", "jobs", "lsit"});

  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("did you mean list?"));
}

TEST(LockstepUsageTest, AVerbIsNeeded) {
  const RunResult run = Lockstep({});

  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("lockstep needs one of: run, submit"));
}

TEST(LockstepUsageTest, BadFlagsAreUsageErrors) {
  const std::string file = JobFile("");
  const std::vector<std::vector<std::string>> wrong = {
      {"submit"},
      {"submit", file, "--bogus"},
      {"submit", file, "--dry-run=maybe"},
      {"submit", file, "--set", "train.optm=x"},
      {"submit", file, "--label", "x"},
      {"jobs", "list", "--limit", "0"},
      {"jobs", "list", "--state", "sleeping"},
      {"wait", "a", "--timeout", "soon"},
      {"plot", "a", "--width", "3"},
      {"logs", "a", "--rank", "-1"},
      {"jobs", "list", "-o", "xml"},
      {"jobs", "list", "--server", "10.0.0.1:99"},
      {"jobs", "list", "--timeout", "fast"}};
  for (const auto& args : wrong) {
    const RunResult run = Lockstep(args);
    EXPECT_EQ(run.exit_code, 2) << ::testing::PrintToString(args) << run.err;
    EXPECT_THAT(run.err, HasSubstr("error: "))
        << ::testing::PrintToString(args);
  }
}

TEST(LockstepUsageTest, AnAbsentCoordinatorIsUnreachable) {
  const RunResult run = Lockstep({"jobs", "list"});

  EXPECT_EQ(run.exit_code, 5);
  EXPECT_THAT(run.err,
              HasSubstr("no lockstepd answers at unix:/nonexistent/sock"));
}

TEST(LockstepUsageTest, ErrorsAreJsonOnRequest) {
  const RunResult run = Lockstep({"jobs", "list", "-o", "json"});

  EXPECT_EQ(run.exit_code, 5);
  EXPECT_THAT(run.err, HasSubstr("{\"code\":\"UNAVAILABLE\""));
}

TEST(LockstepUsageTest, AMissingTokenFileIsNamed) {
  const RunResult run =
      Lockstep({"jobs", "list", "--token-file", "/nonexistent/token"});

  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("/nonexistent/token"));
}

TEST(LockstepUsageTest, ADryRunOnTheClientAsksNobody) {
  const RunResult run =
      Lockstep({"submit", JobFile(""), "--dry-run=client", "--label", "a=b"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("ok (dry run)"));
}

TEST(LockstepUsageTest, VersionAndHelpSucceed) {
  const std::string version = Lockstep({"version"}).out;
  EXPECT_THAT(version, HasSubstr("lockstep 0.1.0 ("));
  EXPECT_EQ(Lockstep({"--version"}).out, version);
  const RunResult help = Lockstep({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("submit"), HasSubstr("Exit codes")));
}

}  // namespace
}  // namespace lockstep::testing
