#include "client/cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/cli/exit_status.h"

namespace lockstep::cli {
namespace {

// Never destroyed: the thread may outlive main's statics.
struct State {
  absl::Mutex mu;
  std::function<void()> handler ABSL_GUARDED_BY(mu);
  bool interrupted ABSL_GUARDED_BY(mu) = false;
};

State& TheState() {
  static State* const state = new State;
  return *state;
}

sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  // A terminal that is closed; not under nohup.
  struct sigaction hang_up {};
  sigaction(SIGHUP, nullptr, &hang_up);
  if (hang_up.sa_handler != SIG_IGN) sigaddset(&set, SIGHUP);
  return set;
}

void WaitForSignals() {
  const sigset_t set = Signals();
  while (true) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0) continue;
    State& state = TheState();
    absl::MutexLock lock(&state.mu);
    if (!state.handler || state.interrupted) {
      _exit(static_cast<int>(ExitStatus::kInterrupted));
    }
    state.interrupted = true;
    state.handler();
  }
}

}  // namespace

void StartInterruptThread() {
  const sigset_t set = Signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread(WaitForSignals).detach();
}

InterruptHandler::InterruptHandler(std::function<void()> handler) {
  State& state = TheState();
  absl::MutexLock lock(&state.mu);
  state.handler = std::move(handler);
  state.interrupted = false;
}

InterruptHandler::~InterruptHandler() {
  State& state = TheState();
  absl::MutexLock lock(&state.mu);
  state.handler = nullptr;
}

bool InterruptHandler::interrupted() const {
  State& state = TheState();
  absl::MutexLock lock(&state.mu);
  return state.interrupted;
}

}  // namespace lockstep::cli
