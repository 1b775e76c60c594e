#include "tests/testing/kill_at_call.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>

#include "gtest/gtest.h"

namespace lockstep::testing {
namespace {

bool ChangesAFile(const __ptrace_syscall_info& call) {
  switch (call.entry.nr) {
    case SYS_write:
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_rename:
    case SYS_renameat2:
    case SYS_unlink:
    case SYS_unlinkat:
    case SYS_mkdir:
    case SYS_chmod:
    case SYS_fchmod:
    case SYS_fchmodat:
      return true;
    case SYS_openat:
      return (call.entry.args[2] & O_CREAT) != 0;
    default:
      return false;
  }
}

[[noreturn]] void RunChild(const std::function<void()>& work) {
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  raise(SIGSTOP);
  work();
  _exit(0);
}

// Whether the traced child is about to change a file.
bool EntersSuchACall(pid_t child) {
  __ptrace_syscall_info call{};
  const long size = ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(call), &call);
  return size > 0 && call.op == PTRACE_SYSCALL_INFO_ENTRY && ChangesAFile(call);
}

}  // namespace

bool KillAtCall(int n, const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) RunChild(work);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(ptrace(PTRACE_SETOPTIONS, child, nullptr,
                   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL),
            0);
  while (true) {
    ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
      return false;
    }
    const bool at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
    if (!at_call || !EntersSuchACall(child) || --n > 0) continue;
    kill(child, SIGKILL);
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return true;
  }
}

}  // namespace lockstep::testing
