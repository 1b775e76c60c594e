#include "server/stop_signal.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace lockstep {
namespace {

// In a child, as handlers are of the whole process. Its exit code is 0 when it
// outlived the signal.
int OutliveSignal(int signal) {
  const pid_t child = fork();
  if (child == 0) {
    CatchStopSignals();
    kill(getpid(), SIGPIPE);
    kill(getpid(), signal);
    WaitForStopSignal();
    // What a process of a job would inherit: no blocked and no ignored signals.
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, nullptr, &blocked);
    struct sigaction action {};
    sigaction(SIGPIPE, nullptr, &action);
    _exit(sigismember(&blocked, SIGTERM) || action.sa_handler == SIG_IGN);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

TEST(StopSignalTest, BothSignalsAreWaitedForAndNothingIsInherited) {
  EXPECT_EQ(OutliveSignal(SIGTERM), 0);
  EXPECT_EQ(OutliveSignal(SIGINT), 0);
}

TEST(StopSignalTest, TheProcessItselfMayAskForIt) {
  const pid_t child = fork();
  if (child == 0) {
    CatchStopSignals();
    RequestStop();
    WaitForStopSignal();
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace lockstep
