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
  std::function<void()> suspend ABSL_GUARDED_BY(mu);
  std::function<void()> resume ABSL_GUARDED_BY(mu);
};

State& TheState() {
  static State* const state = new State;
  return *state;
}

sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int wanted : {SIGINT, SIGTERM, SIGCONT}) sigaddset(&set, wanted);
  // Not what whoever started the program had it ignore, as nohup does.
  for (const int wanted : {SIGHUP, SIGQUIT, SIGTSTP}) {
    struct sigaction action {};
    sigaction(wanted, nullptr, &action);
    if (action.sa_handler != SIG_IGN) sigaddset(&set, wanted);
  }
  return set;
}

void Interrupt(State& state) {
  absl::MutexLock lock(&state.mu);
  if (!state.handler || state.interrupted) {
    _exit(static_cast<int>(ExitStatus::kInterrupted));
  }
  state.interrupted = true;
  state.handler();
}

// What SIGTSTP does to a process that does not block it. Returns when it goes
// on.
void Stop() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTSTP);
  pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
  pthread_kill(pthread_self(), SIGTSTP);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
}

void Suspend(State& state) {
  {
    absl::MutexLock lock(&state.mu);
    if (state.suspend) state.suspend();
  }
  Stop();
}

void Resume(State& state) {
  absl::MutexLock lock(&state.mu);
  if (state.resume) state.resume();
}

void WaitForSignals() {
  const sigset_t set = Signals();
  State& state = TheState();
  while (true) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0) continue;
    if (signal == SIGTSTP) {
      Suspend(state);
      // Stopped or not: nobody stops a group without a shell, nor lets it go
      // on.
      Resume(state);
    } else if (signal == SIGCONT) {
      Resume(state);
    } else {
      Interrupt(state);
    }
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

SuspendHandler::SuspendHandler(std::function<void()> suspend,
                               std::function<void()> resume) {
  State& state = TheState();
  absl::MutexLock lock(&state.mu);
  state.suspend = std::move(suspend);
  state.resume = std::move(resume);
}

SuspendHandler::~SuspendHandler() {
  State& state = TheState();
  absl::MutexLock lock(&state.mu);
  state.suspend = nullptr;
  state.resume = nullptr;
}

}  // namespace lockstep::cli
