// `lockstep help` of the built program, and its manual pages.

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/process.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

RunResult RunLockstep(std::vector<std::string> args) {
  args.insert(args.begin(), BinDir() + "/lockstep");
  return RunProgram(args);
}

TEST(LockstepHelpTest, ExplainsCommandsAsTheyDoThemselves) {
  EXPECT_EQ(RunLockstep({"help"}).out, RunLockstep({"--help"}).out);
  EXPECT_EQ(RunLockstep({"help", "jobs", "list"}).out,
            RunLockstep({"jobs", "list", "--help"}).out);
}

TEST(LockstepHelpTest, HasTopics) {
  EXPECT_THAT(
      RunLockstep({"help", "exit-codes"}).out,
      AllOf(StartsWith("  0    ok\n"), HasSubstr("\n  130  interrupted")));
  EXPECT_THAT(RunLockstep({"help", "environment"}).out,
              HasSubstr("LOCKSTEP_CONTEXT"));
  EXPECT_THAT(RunLockstep({"--help"}).out,
              AllOf(HasSubstr(RunLockstep({"help", "exit-codes"}).out),
                    HasSubstr(RunLockstep({"help", "environment"}).out)));
}

TEST(LockstepHelpTest, OfWhatIsNotThereItNamesTheNearest) {
  const RunResult run = RunLockstep({"help", "exit-code"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("did you mean exit-codes?"));
  EXPECT_EQ(RunLockstep({"help", "jobs", "lsit"}).exit_code, 2);
  EXPECT_EQ(RunLockstep({"help", "man", "nothing"}).exit_code, 2);
  EXPECT_EQ(RunLockstep({"help", "jobs", "--folder", "/tmp"}).exit_code, 2);
}

// Of a command and all below it; how many there are.
int ExpectHelpFits(const std::vector<std::string>& command) {
  std::vector<std::string> args = command;
  args.push_back("--help");
  const RunResult run = RunLockstep(args);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  int commands = 1;
  bool lists_commands = false;
  for (const absl::string_view line : absl::StrSplit(run.out, '\n')) {
    EXPECT_LE(line.size(), 80u) << line;
    if (!absl::StartsWith(line, "  ")) {
      lists_commands = line == "Subcommands:";
    } else if (lists_commands && line[2] != ' ') {
      const std::string verb(line.substr(2, line.find(' ', 2) - 2));
      // Theirs is the help of lockstep-worker.
      if (verb == "dataset" || verb == "tokenizer") continue;
      std::vector<std::string> below = command;
      below.push_back(verb);
      commands += ExpectHelpFits(below);
    }
  }
  return commands;
}

TEST(LockstepHelpTest, FitsEightyColumns) { EXPECT_GE(ExpectHelpFits({}), 50); }

class ManPageTest : public ::testing::Test {
 protected:
  ManPageTest() {
    const RunResult run =
        RunLockstep({"help", "man", "--folder", dir_.Path("man1")});
    EXPECT_EQ(run.exit_code, 0) << run.err;
  }

  std::string Page(const std::string& name) {
    return ReadFile(dir_.Path("man1/" + name + ".1"));
  }

  std::vector<std::string> Paths() {
    std::vector<std::string> paths;
    for (const auto& entry : fs::directory_iterator(dir_.Path("man1"))) {
      paths.push_back(entry.path());
    }
    return paths;
  }

  ScopedTempDir dir_;
};

TEST_F(ManPageTest, EveryCommandHasAPageWithItsFlags) {
  EXPECT_THAT(Paths(), SizeIs(Ge(40u)));
  for (const absl::string_view verb : absl::StrSplit(
           RunLockstep({"__complete", ""}).out, '\n', absl::SkipEmpty())) {
    EXPECT_THAT(Page("lockstep"),
                HasSubstr("\\fB" + std::string(verb) + "\\fR\n"));
    EXPECT_THAT(Page("lockstep-" + std::string(verb)), HasSubstr(".SH NAME"));
  }
  EXPECT_THAT(Page("lockstep-plot"),
              AllOf(HasSubstr("\\fB\\-f\\fR, \\fB\\-\\-follow\\fR\n"),
                    HasSubstr("\\fB\\-\\-smooth\\fR \\fIFLOAT\\fR\n"),
                    HasSubstr("\\fBlockstep plot\\fR [\\fIOPTIONS\\fR] "
                              "\\fINAME\\fR ...")));
  EXPECT_THAT(Page("lockstep"),
              AllOf(HasSubstr(".SH EXIT STATUS"), HasSubstr("\\fB130\\fR"),
                    HasSubstr("\\fBLOCKSTEP_SERVER\\fR")));
  EXPECT_EQ(RunLockstep({"help", "man", "plot"}).out, Page("lockstep-plot"));
}

TEST_F(ManPageTest, GroffHasNothingToSay) {
  std::vector<std::string> argv = {"groff", "-man", "-Tutf8", "-ww", "-z"};
  for (const std::string& path : Paths()) argv.push_back(path);
  const RunResult run = RunProgram(argv);
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.err, IsEmpty());
}

TEST_F(ManPageTest, ReadsAsItWasMeant) {
  const RunResult run =
      RunProgram({"groff", "-man", "-Tascii", "-P-c", "-P-bou",
                  dir_.Path("man1/lockstep-plot.1")});
  EXPECT_THAT(run.out,
              AllOf(ContainsRegex("lockstep-plot - Draw metrics by step"),
                    ContainsRegex("\n +--smooth FLOAT\n"),
                    ContainsRegex("\n +-f, --follow\n")));
}

TEST(ManPageFolderTest, WhatCannotBeWrittenIsNamed) {
  const RunResult run =
      RunLockstep({"help", "man", "--folder", "/dev/null/man1"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("/dev/null/man1/lockstep.1"));
}

}  // namespace
}  // namespace lockstep::testing
