#ifndef LOCKSTEP_CLIENT_CLI_TERMINAL_H_
#define LOCKSTEP_CLIENT_CLI_TERMINAL_H_

// The terminal as a screen of cells: its alternate screen, without echo, keys
// as they are typed. Whatever ends the program gives the user's own screen and
// settings back: the destructor, and on a signal whoever handles it calls
// Restore, which any thread may.

#include <termios.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/frame.h"

namespace lockstep::cli {

struct Key {
  enum Kind { kCharacter, kUp, kDown, kEnter, kEscape, kInterrupt };
  Kind kind = kCharacter;
  char character = 0;
};

// The keys of what a terminal sent. An escape sequence that is not known is
// left out; one that is not complete stays in `pending` if more may come.
std::vector<Key> ParseKeys(std::string& pending, bool more_may_come);

class Terminal {
 public:
  // FAILED_PRECONDITION: stdin or stdout is no terminal.
  static absl::StatusOr<std::unique_ptr<Terminal>> Open();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // An empty frame of the terminal's present size.
  Frame BlankFrame() const;
  // After Restore nothing is shown any more.
  void Show(const Frame& frame);

  // Waits for keys, for Wake or for the time to pass. At the end of input (the
  // terminal is gone) the keys end with an interrupt.
  std::vector<Key> ReadKeys(absl::Duration timeout);
  // Makes ReadKeys return; any thread.
  void Wake();

  void Restore();

 private:
  Terminal(const termios& before, int wake_fd);

  const termios before_;
  const int wake_fd_;
  std::string pending_;
  std::atomic<bool> restored_{false};
  Frame shown_{0, 0};
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_TERMINAL_H_
