#include "server/launcher/process_table.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr absl::Duration kLongestWait = absl::Seconds(30);

// A process with this mark on its command line.
pid_t StartMarked(const std::string& mark) {
  const pid_t pid = fork();
  if (pid == 0) {
    execl("/bin/sleep", mark.c_str(), "600", nullptr);
    _exit(127);
  }
  while (FindByArgument(mark).empty()) std::this_thread::yield();
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

// The name stands before the start time, in parentheses and as it is.
TEST(ProcessTableTest, AStrangeNameDoesNotHideTheStart) {
  const auto before = StartTicks(getpid());
  char name[16] = {};
  prctl(PR_GET_NAME, name);
  prctl(PR_SET_NAME, ") 1 2 (a b) ");
  EXPECT_EQ(StartTicks(getpid()), before);
  prctl(PR_SET_NAME, name);
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
  EXPECT_THAT(found[0].argv, ElementsAre(mark, "600"));
  // A part of an argument is not the argument.
  EXPECT_TRUE(KillByArgument("/mark/of", kLongestWait));
  EXPECT_THAT(FindByArgument(mark), Not(IsEmpty()));
  EXPECT_TRUE(KillByArgument(mark, kLongestWait));
  EXPECT_EQ(SignalThatEnded(pid), SIGKILL);
  EXPECT_THAT(FindByArgument(mark), IsEmpty());
}

TEST(ProcessTableTest, WhatIsNotGoneInTimeIsSaid) {
  const pid_t pid = StartMarked(absl::StrCat("/lives/of/", getpid()));
  const int pidfd = OpenPidfd(pid);
  ASSERT_GE(pidfd, 0);
  EXPECT_FALSE(WaitUntilGone({pidfd}, absl::ZeroDuration()));
  EXPECT_FALSE(WaitUntilGone({pidfd}, absl::Microseconds(1)));
  SignalPidfd(pidfd, SIGKILL);
  EXPECT_TRUE(WaitUntilGone({pidfd}, kLongestWait));
  EXPECT_EQ(SignalThatEnded(pid), SIGKILL);
  close(pidfd);
}

// Between two programs a process has no command line; it is found all the same.
TEST(ProcessTableTest, FindsAProcessInTheMiddleOfAnExec) {
  const std::string mark = absl::StrCat("/execs/of/", getpid());
  constexpr char kAgain[] = R"(exec /bin/sh -c "$0" "$0" "$1")";
  const pid_t pid = fork();
  if (pid == 0) {
    execl("/bin/sh", "sh", "-c", kAgain, kAgain, mark.c_str(), nullptr);
    _exit(127);
  }
  while (FindByArgument(mark).empty()) std::this_thread::yield();
  int times_found = 0;
  for (int look = 0; look < 1000; ++look) {
    times_found += static_cast<int>(FindByArgument(mark).size());
  }
  EXPECT_EQ(times_found, 1000);
  kill(pid, SIGKILL);
  EXPECT_EQ(SignalThatEnded(pid), SIGKILL);
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
