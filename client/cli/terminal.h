#ifndef LOCKSTEP_CLIENT_CLI_TERMINAL_H_
#define LOCKSTEP_CLIENT_CLI_TERMINAL_H_

// The terminal as a screen of cells: its alternate screen, without echo, keys
// as they are typed. Whatever ends the program gives the user's own screen and
// settings back: the destructor, and on a signal whoever handles it calls
// Restore, which any thread may.
//
// A terminal that does not take what is drawn (Ctrl-S, a connection that hangs)
// holds nobody up: the rest of a picture goes out in ReadKeys, when there is
// room.

#include <termios.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
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
  // False when there was nothing to draw, or when it cannot be drawn now: the
  // picture before is not all out yet, or the terminal is given back. Never
  // waits.
  bool Show(const Frame& frame);

  // Waits for keys, for Wake or for the time to pass. At the end of input (the
  // terminal is gone) the keys end with an interrupt.
  std::vector<Key> ReadKeys(absl::Duration timeout);
  // Makes ReadKeys return; any thread.
  void Wake();

  // Gives the terminal back for good; nothing is shown any more.
  void Restore();
  // The same until Resume, which has all drawn anew. Any thread.
  void Suspend();
  void Resume();

 private:
  enum class Mode { kOurs, kLent, kGivenBack };

  Terminal(const termios& before, const termios& raw, int wake_fd, int out_fd);

  void TakeOver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GiveBack() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // As much of the picture as there is room for.
  void Flush() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether some of the picture is not out yet.
  bool HasMore();
  bool IsGone();

  const termios before_;
  const termios raw_;
  const int wake_fd_;
  const int out_fd_;  // Writes to it do not wait.
  std::string pending_;
  absl::Mutex mu_;
  Mode mode_ ABSL_GUARDED_BY(mu_) = Mode::kOurs;
  bool gone_ ABSL_GUARDED_BY(mu_) = false;   // Nobody takes anything any more.
  std::string output_ ABSL_GUARDED_BY(mu_);  // The rest of a picture.
  Frame shown_ ABSL_GUARDED_BY(mu_){0, 0};
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_TERMINAL_H_
