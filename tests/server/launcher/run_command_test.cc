#include "server/launcher/run_command.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<CommandResult> Shell(const std::string& script,
                                    absl::Duration timeout = absl::Minutes(1),
                                    int stop_fd = -1) {
  return RunCommand(
      {.argv = {"sh", "-c", script}, .timeout = timeout, .stop_fd = stop_fd});
}

TEST(RunCommandTest, BothOutputsAndTheExitCode) {
  const auto result = Shell("echo out; echo err >&2; exit 3");

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 3);
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->err, "err\n");
  EXPECT_EQ(Shell("kill -9 $$")->exit_code, 128 + 9);
}

TEST(RunCommandTest, WhatIsTooLongIsCutAndDoesNotBlockTheProgram) {
  const auto result = Shell("head -c 3000000 /dev/zero; echo done >&2");

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->out.size(), size_t{1} << 20);
  EXPECT_EQ(result->err, "done\n");
}

TEST(RunCommandTest, AtTheDeadlineAllThatItStartedIsKilled) {
  const auto result = Shell("sleep 600 & wait", absl::Milliseconds(50));

  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(result.status().message(), HasSubstr("sh did not end within"));
}

TEST(RunCommandTest, SomeVariablesAreNotPassedOn) {
  setenv("LOCKSTEP_HIDDEN_A", "1", /*overwrite=*/1);
  setenv("LOCKSTEP_SHOWN", "2", /*overwrite=*/1);
  const auto result = RunCommand(
      {.argv = {"sh", "-c", "echo [$LOCKSTEP_HIDDEN_A$LOCKSTEP_SHOWN]"},
       .without = {"LOCKSTEP_HIDDEN_"}});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->out, "[2]\n");
}

TEST(RunCommandTest, SomeVariablesAreSet) {
  setenv("LOCKSTEP_TIMES", "theirs", /*overwrite=*/1);
  const auto result =
      RunCommand({.argv = {"sh", "-c", "env | grep ^LOCKSTEP_TIMES"},
                  .without = {"LOCKSTEP_TIMES="},
                  .with = {"LOCKSTEP_TIMES=ours"}});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->out, "LOCKSTEP_TIMES=ours\n");
}

TEST(RunCommandTest, StopsWhenNobodyWaits) {
  const int stop = eventfd(1, EFD_CLOEXEC);

  EXPECT_EQ(Shell("sleep 600", absl::Hours(1), stop).status().code(),
            absl::StatusCode::kCancelled);
  close(stop);
}

TEST(RunCommandTest, AProgramThatIsNotThereIsNamed) {
  EXPECT_THAT(RunCommand({.argv = {"/no/such/program"}}).status().message(),
              HasSubstr("/no/such/program"));
}

}  // namespace
}  // namespace lockstep
