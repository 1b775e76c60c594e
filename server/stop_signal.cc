#include "server/stop_signal.h"

#include <semaphore.h>
#include <signal.h>

namespace lockstep {
namespace {

// The one thing that a handler may do to a waiting thread.
sem_t stop;

}  // namespace

void CatchStopSignals() {
  sem_init(&stop, 0, 0);
  struct sigaction action {};
  action.sa_flags = SA_RESTART;
  action.sa_handler = [](int) { sem_post(&stop); };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  action.sa_handler = [](int) {};
  sigaction(SIGPIPE, &action, nullptr);
}

void RequestStop() { sem_post(&stop); }

void WaitForStopSignal() {
  while (sem_wait(&stop) != 0) {
  }
}

}  // namespace lockstep
