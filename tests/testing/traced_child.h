#ifndef LOCKSTEP_TESTS_TESTING_TRACED_CHILD_H_
#define LOCKSTEP_TESTS_TESTING_TRACED_CHILD_H_

// A child process that stops at each of its system calls, those of its threads
// too, for tests that have one go wrong without a change to what they test.

#include <sys/ptrace.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

namespace lockstep::testing {

class TracedChild {
 public:
  // The child runs `work`, which may become another program, and exits.
  explicit TracedChild(const std::function<void()>& work);
  ~TracedChild();
  TracedChild(const TracedChild&) = delete;
  TracedChild& operator=(const TracedChild&) = delete;

  // Lets it run until a thread of it enters a system call; others run on. False
  // when it has ended; a failure of the test if it did not end by itself.
  bool RunToCall();
  // The call that was entered.
  const __ptrace_syscall_info& call() const { return call_; }
  // Where the file lies that this descriptor of the child is of, or what it is.
  std::string PathOf(int descriptor) const;
  // What lies at an address of the child.
  uint64_t WordAt(uint64_t address) const;

  void Kill();
  // From any thread: RunToCall returns false when it is dead.
  void KillSoon();
  // The call is not made and answers with this errno.
  void FailCall(int error);

 private:
  bool Resume();

  // Of the process, and of the thread that is stopped and looked at.
  pid_t pid_ = 0;
  pid_t thread_ = 0;
  bool ended_ = false;
  std::atomic<bool> to_be_killed_ = false;
  __ptrace_syscall_info call_{};
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_TRACED_CHILD_H_
