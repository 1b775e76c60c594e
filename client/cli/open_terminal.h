#ifndef LOCKSTEP_CLIENT_CLI_OPEN_TERMINAL_H_
#define LOCKSTEP_CLIENT_CLI_OPEN_TERMINAL_H_

// The terminal that is open, if one is, for who handles signals on a thread of
// its own. Outlives the terminal, so that no signal finds it changed and nobody
// to change it back. Thread-safe.

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
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
  absl::Mutex mu_;
  Terminal* terminal_ ABSL_GUARDED_BY(mu_) = nullptr;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_OPEN_TERMINAL_H_
