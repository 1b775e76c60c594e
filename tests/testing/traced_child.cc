#include "tests/testing/traced_child.h"

#include <signal.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace lockstep::testing {
namespace {

constexpr int kSyscallStop = SIGTRAP | 0x80;

[[noreturn]] void RunChild(const std::function<void()>& work) {
  // A process group of its own, by which all its threads can be waited for.
  setpgid(0, 0);
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

TracedChild::TracedChild(const std::function<void()>& work)
    : pid_(fork()), thread_(pid_) {
  if (pid_ == 0) RunChild(work);
  int status = 0;
  EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
  EXPECT_EQ(
      ptrace(PTRACE_SETOPTIONS, pid_, nullptr,
             PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL),
      0);
}

TracedChild::~TracedChild() {
  if (!ended_) Kill();
}

// To the next stop of any thread at a call's begin or end.
bool TracedChild::Resume() {
  ptrace(PTRACE_SYSCALL, thread_, nullptr, nullptr);
  while (true) {
    int status = 0;
    thread_ = waitpid(-pid_, &status, __WALL);
    if (thread_ < 0) break;
    if (!WIFSTOPPED(status)) {
      // A thread that ends is nobody's business.
      if (thread_ != pid_) continue;
      EXPECT_TRUE(to_be_killed_ ||
                  (WIFEXITED(status) && WEXITSTATUS(status) == 0))
          << status;
      break;
    }
    const int signal = WSTOPSIG(status);
    if (signal == kSyscallStop) return true;
    // A thread begins, or begins another, or it is another program now. What
    // else stops it is meant for it.
    const bool ours = signal == SIGTRAP || signal == SIGSTOP;
    ptrace(PTRACE_SYSCALL, thread_, nullptr, ours ? 0 : signal);
  }
  ended_ = true;
  return false;
}

bool TracedChild::RunToCall() {
  while (Resume()) {
    const long size =
        ptrace(PTRACE_GET_SYSCALL_INFO, thread_, sizeof(call_), &call_);
    if (size > 0 && call_.op == PTRACE_SYSCALL_INFO_ENTRY) return true;
  }
  return false;
}

void TracedChild::Kill() {
  kill(pid_, SIGKILL);
  // The process is gone when its threads are.
  int status = 0;
  pid_t gone = 0;
  do {
    gone = waitpid(-pid_, &status, __WALL);
  } while (gone > 0 && (gone != pid_ || WIFSTOPPED(status)));
  EXPECT_EQ(gone, pid_);
  ended_ = true;
}

void TracedChild::KillSoon() {
  to_be_killed_ = true;
  kill(pid_, SIGKILL);
}

std::string TracedChild::PathOf(int descriptor) const {
  std::error_code ignored;
  return std::filesystem::read_symlink(
      absl::StrCat("/proc/", thread_, "/fd/", descriptor), ignored);
}

uint64_t TracedChild::WordAt(uint64_t address) const {
  return static_cast<uint64_t>(
      ptrace(PTRACE_PEEKDATA, thread_, address, nullptr));
}

void TracedChild::FailCall(int error) {
  user_regs_struct registers{};
  ptrace(PTRACE_GETREGS, thread_, nullptr, &registers);
  // No such call: the kernel does nothing.
  registers.orig_rax = static_cast<unsigned long long>(-1);
  ptrace(PTRACE_SETREGS, thread_, nullptr, &registers);
  ptrace(PTRACE_SYSCALL, thread_, nullptr, nullptr);
  int status = 0;
  EXPECT_EQ(waitpid(thread_, &status, __WALL), thread_);
  EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == kSyscallStop) << status;
  registers.rax = static_cast<unsigned long long>(-error);
  ptrace(PTRACE_SETREGS, thread_, nullptr, &registers);
}

}  // namespace lockstep::testing
