#ifndef LOCKSTEP_CLIENT_CLI_OPEN_TERMINAL_H_
#define LOCKSTEP_CLIENT_CLI_OPEN_TERMINAL_H_

// The terminal that is open, if one is, for who handles signals on a thread of
// its own; while the process is stopped (Ctrl-Z) its user has it back. Outlives
// the terminal, so that no signal finds it changed and nobody to change it
// back. Thread-safe.

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/cli/interrupt.h"
#include "client/cli/terminal.h"

namespace lockstep::cli {

class OpenTerminal {
 public:
  // Null when it closes.
  void Set(Terminal* terminal) {
    absl::MutexLock lock(&mu_);
    terminal_ = terminal;
  }
  void Restore() {
    absl::MutexLock lock(&mu_);
    if (terminal_ == nullptr) return;
    terminal_->Restore();
    terminal_->Wake();
  }

 private:
  void Suspend() {
    absl::MutexLock lock(&mu_);
    if (terminal_ != nullptr) terminal_->Suspend();
  }
  void Resume() {
    absl::MutexLock lock(&mu_);
    if (terminal_ == nullptr) return;
    terminal_->Resume();
    terminal_->Wake();
  }

  absl::Mutex mu_;
  Terminal* terminal_ ABSL_GUARDED_BY(mu_) = nullptr;
  // The last, so that all is there when a signal comes.
  const SuspendHandler suspend_{[this] { Suspend(); }, [this] { Resume(); }};
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_OPEN_TERMINAL_H_
