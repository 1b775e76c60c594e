#include "tests/testing/traced_child.h"

#include <signal.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "gtest/gtest.h"

namespace lockstep::testing {
namespace {

[[noreturn]] void RunChild(const std::function<void()>& work) {
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  raise(SIGSTOP);
  // What it throws must not let the child go on as the test.
  try {
    work();
  } catch (...) {
    std::abort();
  }
  _exit(0);
}

}  // namespace

TracedChild::TracedChild(const std::function<void()>& work) : pid_(fork()) {
  if (pid_ == 0) RunChild(work);
  int status = 0;
  EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
  EXPECT_EQ(ptrace(PTRACE_SETOPTIONS, pid_, nullptr,
                   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL),
            0);
}

TracedChild::~TracedChild() {
  if (!ended_) Kill();
}

// To the next stop at a call's begin or end.
bool TracedChild::Resume() {
  while (!ended_) {
    ptrace(PTRACE_SYSCALL, pid_, nullptr, nullptr);
    int status = 0;
    if (waitpid(pid_, &status, 0) != pid_ || !WIFSTOPPED(status)) {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
      ended_ = true;
    } else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
      return true;
    }
  }
  return false;
}

bool TracedChild::RunToCall() {
  while (Resume()) {
    const long size =
        ptrace(PTRACE_GET_SYSCALL_INFO, pid_, sizeof(call_), &call_);
    if (size > 0 && call_.op == PTRACE_SYSCALL_INFO_ENTRY) return true;
  }
  return false;
}

void TracedChild::Kill() {
  kill(pid_, SIGKILL);
  EXPECT_EQ(waitpid(pid_, nullptr, 0), pid_);
  ended_ = true;
}

void TracedChild::FailCall(int error) {
  user_regs_struct registers{};
  ptrace(PTRACE_GETREGS, pid_, nullptr, &registers);
  // No such call: the kernel does nothing.
  registers.orig_rax = static_cast<unsigned long long>(-1);
  ptrace(PTRACE_SETREGS, pid_, nullptr, &registers);
  if (!Resume()) return;
  registers.rax = static_cast<unsigned long long>(-error);
  ptrace(PTRACE_SETREGS, pid_, nullptr, &registers);
}

}  // namespace lockstep::testing
