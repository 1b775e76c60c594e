#include "server/launcher/process_table.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// A process with this argument on its command line, which ends by a signal.
pid_t StartMarked(const std::string& mark) {
  const pid_t pid = fork();
  if (pid == 0) {
    // The mark is an argument of the shell, which waits for what never comes.
    execl("/bin/bash", "a (strange) name", "-c", "read < <(sleep 600)", "bash",
          mark.c_str(), nullptr);
    _exit(127);
  }
  while (FindByArgument(mark).empty()) usleep(1000);
  return pid;
}

int SignalThatEnded(pid_t pid) {
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(ProcessTableTest, AProcessIsKnownByItsStart) {
  const auto ours = StartTicks(getpid());
  ASSERT_TRUE(ours.has_value());
  EXPECT_EQ(StartTicks(getpid()), ours);
  EXPECT_GT(*ours, 0);
  EXPECT_EQ(StartTicks(0), std::nullopt);
}

TEST(ProcessTableTest, ABootHasAnId) {
  EXPECT_THAT(BootId(), SizeIs(36));
  EXPECT_EQ(BootId(), BootId());
}

TEST(ProcessTableTest, FindsAndKillsByAnArgument) {
  const std::string mark = absl::StrCat("/mark/of/", getpid());
  const pid_t pid = StartMarked(mark);
  const std::vector<ProcessEntry> found = FindByArgument(mark);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].pid, pid);
  EXPECT_THAT(found[0].argv, Contains("bash"));
  // Parentheses and blanks in its name do not move its start time.
  EXPECT_GE(StartTicks(pid).value_or(0), StartTicks(getpid()).value_or(0));
  // A part of an argument is not the argument.
  KillByArgument("/mark/of");
  EXPECT_THAT(FindByArgument(mark), Not(IsEmpty()));
  KillByArgument(mark);
  EXPECT_EQ(SignalThatEnded(pid), SIGKILL);
  EXPECT_THAT(FindByArgument(mark), IsEmpty());
}

TEST(ProcessTableTest, AHandleOfWhatIsGoneCanBeUsed) {
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  const int pidfd = OpenPidfd(pid);
  ASSERT_GE(pidfd, 0);
  waitpid(pid, nullptr, 0);
  SignalPidfd(pidfd, SIGKILL);
  close(pidfd);
  EXPECT_EQ(OpenPidfd(0), -1);
}

}  // namespace
}  // namespace lockstep
