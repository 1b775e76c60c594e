// `lockstep context`, and commands that a context sends to its coordinator:
// the built program against a coordinator that plays a part.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class LockstepContextTest : public ::testing::Test {
 protected:
  LockstepContextTest() {
    coordinator_.jobs.jobs["jobs/demo"].set_name("jobs/demo");
  }

  RunResult Lockstep(std::vector<std::string> args, Environment more = {}) {
    args.insert(args.begin(), BinDir() + "/lockstep");
    more.insert({{"LOCKSTEP_SERVER", ""},
                 {"LOCKSTEP_CONFIG", coordinator_.folder() + "/c/config.yaml"},
                 {"XDG_RUNTIME_DIR", "/nonexistent"}});
    return RunProgram(args, more);
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepContextTest, NobodyTypesServerAnyMore) {
  EXPECT_EQ(Lockstep({"jobs", "list"}).exit_code, 5);
  const RunResult set =
      Lockstep({"context", "set", "lab", "--server", coordinator_.address()});
  EXPECT_EQ(set.exit_code, 0) << set.err;
  EXPECT_EQ(set.out, "context/lab set\n");
  // The first is the current one.
  EXPECT_THAT(Lockstep({"jobs", "list"}).out, HasSubstr("demo"));

  Lockstep({"context", "set", "away", "--server", "unix:/nonexistent/s"});
  EXPECT_THAT(Lockstep({"jobs", "list"}).out, HasSubstr("demo"));
  EXPECT_EQ(Lockstep({"context", "use", "away"}).out,
            "context/away is in use\n");
  EXPECT_THAT(Lockstep({"jobs", "list"}).err,
              HasSubstr("no lockstepd answers at unix:/nonexistent/s"));
  EXPECT_THAT(Lockstep({"jobs", "list", "--context", "lab"}).out,
              HasSubstr("demo"));
  EXPECT_THAT(Lockstep({"context", "list"}).out,
              AllOf(ContainsRegex("\nlab +- +unix:"),
                    ContainsRegex("\naway +\\* +unix:/nonexistent/s")));
  EXPECT_THAT(Lockstep({"context", "list", "-o", "json"}).out,
              HasSubstr("\"current\": \"away\""));
}

TEST_F(LockstepContextTest, IsChangedAndForgotten) {
  EXPECT_THAT(Lockstep({"context", "set", "lab"}).err,
              HasSubstr("needs --server"));
  Lockstep({"context", "set", "lab", "--server", coordinator_.address()});
  Lockstep({"context", "set", "lab", "--token-file", "token"});
  EXPECT_THAT(Lockstep({"context", "list"}).out,
              ContainsRegex("unix:[^ ]+ +/[^ ]*/token\n"));
  EXPECT_EQ(Lockstep({"context", "use", "lap"}).exit_code, 3);
  EXPECT_THAT(Lockstep({"context", "delete", "lap"}).err,
              HasSubstr("did you mean lab?"));
  EXPECT_EQ(Lockstep({"context", "delete", "lab"}).out,
            "context/lab deleted\n");
  EXPECT_THAT(Lockstep({"context", "list"}).err, HasSubstr("no contexts"));
  EXPECT_EQ(Lockstep({"context", "list", "-o", "json"}).out,
            "{\n \"contexts\": []\n}\n");
}

TEST_F(LockstepContextTest, ABrokenFileIsShownByLineAndColumn) {
  const std::string path = coordinator_.folder() + "/broken.yaml";
  WriteFile(path, "contexts:\n  - name: a\n    sever: x\n");
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"jobs", "list"}, {"context", "list"}}) {
    const RunResult run = Lockstep(args, {{"LOCKSTEP_CONFIG", path}});
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_THAT(run.err,
                StartsWith("error: " + path + ":3:5: contexts[0].sever: "));
  }
  EXPECT_EQ(Lockstep({"jobs", "list", "--server", coordinator_.address()},
                     {{"LOCKSTEP_CONFIG", path}})
                .exit_code,
            0);
}

TEST_F(LockstepContextTest, CompletionAsksTheCoordinatorThatIsMeant) {
  EXPECT_EQ(Lockstep({"__complete", "logs", "d"}).out, "");
  EXPECT_EQ(
      Lockstep({"__complete", "--server", coordinator_.address(), "logs", "d"})
          .out,
      "demo\n");
  EXPECT_EQ(Lockstep({"__complete", "logs",
                      "--server=" + coordinator_.address(), "d"})
                .out,
            "demo\n");
  Lockstep({"context", "set", "lab", "--server", coordinator_.address()});
  EXPECT_EQ(Lockstep({"__complete", "logs", "d"}).out, "demo\n");
  EXPECT_EQ(Lockstep({"__complete", "context", "use", "l"}).out, "lab\n");
  EXPECT_EQ(Lockstep({"__complete", "jobs", "list", "--context", ""}).out,
            "lab\n");
}

TEST_F(LockstepContextTest, NowhereToWriteIsSaid) {
  const RunResult run =
      Lockstep({"context", "set", "lab", "--server", "a:1"},
               {{"LOCKSTEP_CONFIG", "/dev/null/config.yaml"}});
  EXPECT_NE(run.exit_code, 0);
  EXPECT_THAT(run.err, HasSubstr("/dev/null"));
}

}  // namespace
}  // namespace lockstep::testing
