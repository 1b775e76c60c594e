#ifndef LOCKSTEP_CLIENT_CLI_INTERRUPT_H_
#define LOCKSTEP_CLIENT_CLI_INTERRUPT_H_

// Ctrl-C (SIGTERM, a closed terminal), seen by an ordinary thread so that a
// handler may lock and call what it likes. Without a handler the first signal
// ends the process with 130; with one, the second does.

#include <functional>

namespace lockstep::cli {

// Blocks the signals and starts the thread. Called by main, once, before any
// other thread is started.
void StartInterruptThread();

// While it lives, `handler` runs on the first signal instead. One at a time.
class InterruptHandler {
 public:
  explicit InterruptHandler(std::function<void()> handler);
  ~InterruptHandler();
  InterruptHandler(const InterruptHandler&) = delete;
  InterruptHandler& operator=(const InterruptHandler&) = delete;

  // Whether the handler has run.
  bool interrupted() const;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_INTERRUPT_H_
