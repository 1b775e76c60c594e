// What the command line of lockstep-worker takes and refuses, and that of
// lockstep-rank for the subcommands that it leaves to that.

#include "worker/command_line.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/version.h"
#include "worker/computing_commands.h"
#include "worker/rank_command_line.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kNoProgram[] = "/no/such/lockstep-rank";

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

bool Computes(const std::vector<std::string>& args) {
  return !args.empty() &&
         std::any_of(
             std::begin(kComputingCommands), std::end(kComputingCommands),
             [&](const ComputingCommand& it) { return args[0] == it.name; });
}

// Only lines that no subcommand takes: this process is not to become a rank.
Outcome Worker(const std::vector<std::string>& args) {
  std::vector<const char*> argv = {"lockstep-worker"};
  for (const std::string& arg : args) argv.push_back(arg.c_str());
  std::ostringstream out;
  std::ostringstream err;
  const int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  const int exit_code =
      Computes(args) ? RunRankCommandLine(argc, argv.data(), out, err)
                     : RunCommandLine(argc, argv.data(), kNoProgram, out, err);
  return {exit_code, out.str(), err.str()};
}

TEST(WorkerCommandLineTest, TellsItsVersion) {
  const Outcome run = Worker({"--version"});

  EXPECT_EQ(run.exit_code, kOk);
  EXPECT_THAT(run.out,
              StartsWith(std::string("lockstep-worker ") + kVersion + " ("));
}

TEST(WorkerCommandLineTest, HelpNamesEverySubcommand) {
  const Outcome run = Worker({"--help"});

  EXPECT_EQ(run.exit_code, kOk);
  for (const char* name : {"prepare", "supervise", "train", "export", "plan",
                           "forward", "init-model", "dataset", "tokenizer"}) {
    EXPECT_THAT(run.out, HasSubstr(name));
  }
}

TEST(WorkerCommandLineTest, LeavesWhatComputesToTheOtherProgram) {
  for (const ComputingCommand& command : kComputingCommands) {
    for (const char* word : {"--help", "--model", "train"}) {
      const char* const argv[] = {"lockstep-worker", command.name, word,
                                  nullptr};
      std::ostringstream out;
      std::ostringstream err;
      EXPECT_EQ(RunCommandLine(3, argv, kNoProgram, out, err), kFailure);
      EXPECT_THAT(out.str(), IsEmpty());
      EXPECT_THAT(err.str(),
                  AllOf(StartsWith("lockstep-worker: cannot run "),
                        HasSubstr(kNoProgram), HasSubstr("No such file")));
    }
  }
}

TEST(WorkerCommandLineTest, SaysThatTheOtherProgramIsNotFound) {
  const char* const argv[] = {"lockstep-worker", "train", nullptr};
  std::ostringstream out;
  std::ostringstream err;

  EXPECT_EQ(RunCommandLine(2, argv, absl::NotFoundError("read /exe"), out, err),
            kFailure);

  EXPECT_EQ(err.str(), "lockstep-worker: read /exe\n");
}

TEST(WorkerCommandLineTest, NeedsASubcommand) {
  const Outcome run = Worker({});

  EXPECT_EQ(run.exit_code, kUsage);
  EXPECT_THAT(run.err,
              AllOf(StartsWith("lockstep-worker: "), HasSubstr("subcommand"),
                    HasSubstr("hint: lockstep-worker --help")));
}

TEST(WorkerCommandLineTest, RefusesAnUnknownSubcommand) {
  EXPECT_EQ(Worker({"trian"}).exit_code, kUsage);
}

struct Subcommand {
  std::vector<std::string> words;
  // All its flags that must be given; the first is the one that is missed.
  std::vector<std::string> required;
};

class SubcommandTest : public ::testing::TestWithParam<Subcommand> {};

TEST_P(SubcommandTest, HelpNamesItsFlags) {
  std::vector<std::string> args = GetParam().words;
  args.push_back("--help");

  const Outcome run = Worker(args);

  EXPECT_EQ(run.exit_code, kOk);
  EXPECT_THAT(run.err, IsEmpty());
  for (const std::string& flag : GetParam().required) {
    EXPECT_THAT(run.out, HasSubstr(flag));
  }
}

TEST_P(SubcommandTest, NamesTheFlagThatIsMissing) {
  const Outcome run = Worker(GetParam().words);

  EXPECT_EQ(run.exit_code, kUsage);
  EXPECT_THAT(run.err, HasSubstr(GetParam().required[0] + " is required"));
}

TEST_P(SubcommandTest, NamesTheFlagThatItDoesNotKnow) {
  std::vector<std::string> args = GetParam().words;
  for (const std::string& flag : GetParam().required) {
    args.push_back(flag);
    if (flag != "--merge") args.emplace_back("1");
  }
  args.emplace_back("--bogus");

  const Outcome run = Worker(args);

  EXPECT_EQ(run.exit_code, kUsage);
  EXPECT_THAT(run.err, HasSubstr("--bogus"));
}

INSTANTIATE_TEST_SUITE_P(
    All, SubcommandTest,
    ::testing::Values(
        Subcommand{{"prepare"},
                   {"--coordinator", "--job", "--job-uid", "--token-file",
                    "--spec", "--cache-dir"}},
        Subcommand{{"supervise"},
                   {"--coordinator", "--job", "--attempt", "--token-file",
                    "--attempt-dir", "--node", "--ranks", "--devices"}},
        Subcommand{{"train"},
                   {"--coordinator", "--job", "--attempt", "--rank",
                    "--token-file", "--device"}},
        Subcommand{{"export"}, {"--checkpoint", "--base", "--output"}},
        Subcommand{{"forward"}, {"--model", "--ids", "--output"}},
        Subcommand{{"dataset", "check"}, {"FILE", "--model"}},
        Subcommand{{"dataset", "stats"}, {"FILE", "--model"}},
        Subcommand{{"dataset", "preview"}, {"FILE", "--model"}},
        Subcommand{{"dataset", "tokenize"}, {"FILE", "--model"}},
        Subcommand{{"tokenizer", "encode"}, {"--model"}},
        Subcommand{{"init-model"},
                   {"--hidden-size", "--layers", "--heads",
                    "--intermediate-size", "--tokenizer", "--output"}},
        Subcommand{{"tokenizer", "train"},
                   {"--files", "--vocab-size", "--output"}}),
    [](const auto& info) {
      std::string name;
      for (const std::string& word : info.param.words) name += word;
      name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
      return name;
    });

TEST(WorkerCommandLineTest, RefusesValuesOfTheWrongKind) {
  const std::vector<std::string> train = {
      "train", "--coordinator", "unix:/x", "--job", "jobs/a", "--token-file",
      "/x",    "--device",      "cpu:0"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), train.begin(), train.end());
    return Worker(more);
  };

  EXPECT_THAT(with({"--attempt", "one", "--rank", "0"}).err,
              HasSubstr("--attempt"));
  EXPECT_THAT(with({"--attempt", "1", "--rank", "-1"}).err,
              HasSubstr("--rank"));
  EXPECT_THAT(Worker({"export", "--checkpoint", "/c", "--base", "/b",
                      "--output", "/o", "--merge", "--dtype", "int4"})
                  .err,
              AllOf(HasSubstr("--dtype"), HasSubstr("int4")));
}

}  // namespace
}  // namespace lockstep
