#include "tests/testing/traced_program.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

namespace lockstep::testing {
namespace {

sigset_t Termination() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

TracedProgram::TracedProgram(char** argv)
    : child_([argv] { execv(argv[0], argv); }) {
  // After the fork: the program has signals of its own.
  const sigset_t signals = Termination();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // It lives as long as this process.
  std::thread([this, signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    child_.KillSoon();
  }).detach();
}

}  // namespace lockstep::testing
