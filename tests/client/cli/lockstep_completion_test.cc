// What a shell gets from `lockstep completion`, with a coordinator that plays a
// part.

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class LockstepCompletionTest : public ::testing::Test {
 protected:
  LockstepCompletionTest() {
    for (const std::string id : {"qwen-a", "qwen-b", "llama"}) {
      coordinator_.jobs.jobs["jobs/" + id].set_name("jobs/" + id);
    }
  }

  RunResult Run(const std::vector<std::string>& argv) {
    return RunProgram(argv, {{"LOCKSTEP_SERVER", coordinator_.address()}});
  }

  std::vector<std::string> Complete(std::vector<std::string> words) {
    words.insert(words.begin(), {BinDir() + "/lockstep", "__complete"});
    const RunResult run = Run(words);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return absl::StrSplit(run.out, '\n', absl::SkipEmpty());
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepCompletionTest, KnowsVerbsAtEachLevel) {
  EXPECT_THAT(Complete({""}), IsSupersetOf({"submit", "jobs", "report"}));
  EXPECT_THAT(Complete({""}), Not(Contains("__complete")));
  EXPECT_THAT(Complete({"rep"}), ElementsAre("report"));
  EXPECT_THAT(Complete({"jobs", "de"}),
              UnorderedElementsAre("delete", "describe"));
  // A flag of the program and its value come before the verb.
  EXPECT_THAT(Complete({"--server", "unix:/x", "-q", "jobs", "desc"}),
              ElementsAre("describe"));
}

TEST_F(LockstepCompletionTest, KnowsFlagsOfTheVerbAndOfTheProgram) {
  EXPECT_THAT(Complete({"plot", "--"}),
              IsSupersetOf({"--key", "--width", "--server", "--help"}));
  EXPECT_THAT(Complete({"plot", "--he"}), ElementsAre("--height", "--help"));
  EXPECT_THAT(Complete({"plot", "--"}), Not(Contains("--label")));
}

TEST_F(LockstepCompletionTest, KnowsTheValuesOfAFlag) {
  EXPECT_THAT(Complete({"jobs", "list", "-o", ""}),
              ElementsAre("table", "json"));
  EXPECT_THAT(Complete({"metrics", "-o", "c"}), ElementsAre("csv"));
  // A number: the shell has nothing better either.
  EXPECT_THAT(Complete({"plot", "--width", ""}), IsEmpty());
}

TEST_F(LockstepCompletionTest, KnowsTheJobsOfTheCoordinator) {
  EXPECT_THAT(Complete({"plot", "qw"}), ElementsAre("qwen-a", "qwen-b"));
  EXPECT_THAT(Complete({"plot", "--key", "loss", "l"}), ElementsAre("llama"));
  EXPECT_THAT(Complete({"report", "llama", "qwen-a"}), ElementsAre("qwen-a"));
  // logs takes one, plot takes several, also behind a comma.
  EXPECT_THAT(Complete({"logs", "llama", ""}), IsEmpty());
  EXPECT_THAT(Complete({"plot", "llama", "qwen-b"}), ElementsAre("qwen-b"));
  EXPECT_THAT(Complete({"plot", "llama,qw"}),
              ElementsAre("llama,qwen-a", "llama,qwen-b"));
  // A file, and a step, are no jobs.
  EXPECT_THAT(Complete({"submit", ""}), IsEmpty());
  EXPECT_THAT(Complete({"checkpoints", "pin", "llama", ""}), IsEmpty());
}

TEST_F(LockstepCompletionTest, ACoordinatorThatIsAwayKeepsNobodyWaiting) {
  const RunResult run =
      RunProgram({BinDir() + "/lockstep", "__complete", "plot", ""},
                 {{"LOCKSTEP_SERVER", "unix:/nonexistent/sock"}},
                 /*timeout_seconds=*/20);

  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out + run.err, IsEmpty());
}

TEST_F(LockstepCompletionTest, BashCompletesWithIt) {
  const RunResult run =
      Run({"bash", "-c",
           "source <(\"$1\" completion bash); complete -p lockstep; "
           "COMP_WORDS=(\"$1\" plot qw); COMP_CWORD=2; _lockstep \"$1\"; "
           "echo \"${COMPREPLY[@]}\"; "
           "COMP_WORDS=(\"$1\" ''); COMP_CWORD=1; _lockstep \"$1\"; "
           "echo \"${COMPREPLY[@]}\"",
           "bash", BinDir() + "/lockstep"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, IsEmpty());
  EXPECT_THAT(run.out,
              AllOf(HasSubstr("-F _lockstep lockstep\n"),
                    HasSubstr("\nqwen-a qwen-b\n"), HasSubstr(" report ")));
}

TEST_F(LockstepCompletionTest, HasScriptsForThreeShells) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const RunResult run = Run({BinDir() + "/lockstep", "completion", shell});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_THAT(run.out, HasSubstr("__complete")) << shell;
  }
  const RunResult run = Run({BinDir() + "/lockstep", "completion", "csh"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("{bash,zsh,fish}"));
}

}  // namespace
}  // namespace lockstep::testing
