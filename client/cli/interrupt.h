#ifndef LOCKSTEP_CLIENT_CLI_INTERRUPT_H_
#define LOCKSTEP_CLIENT_CLI_INTERRUPT_H_

// Ctrl-C (SIGTERM, SIGQUIT, a closed terminal), seen by an ordinary thread so
// that a handler may lock and call what it likes. Without a handler the first
// signal ends the process with 130; with one, the second does.
//
// Ctrl-Z (SIGTSTP) and the SIGCONT after it come the same way, for who has to
// give a terminal back before the process stops.

#include <functional>

namespace lockstep::cli {

// Blocks the signals and starts the thread. Called by main, once, before any
// other thread is started.
void StartInterruptThread();

// While it lives, `handler` runs on the first signal that is to end the
// process, instead. One at a time.
class InterruptHandler {
 public:
  explicit InterruptHandler(std::function<void()> handler);
  ~InterruptHandler();
  InterruptHandler(const InterruptHandler&) = delete;
  InterruptHandler& operator=(const InterruptHandler&) = delete;

  // Whether the handler has run.
  bool interrupted() const;
};

// While it lives, `suspend` runs before SIGTSTP stops the process, and `resume`
// whenever it is told to go on, be it after a stop that nobody saw coming. One
// at a time.
class SuspendHandler {
 public:
  SuspendHandler(std::function<void()> suspend, std::function<void()> resume);
  ~SuspendHandler();
  SuspendHandler(const SuspendHandler&) = delete;
  SuspendHandler& operator=(const SuspendHandler&) = delete;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_INTERRUPT_H_
