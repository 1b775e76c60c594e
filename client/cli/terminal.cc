#include "client/cli/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

// The other screen, no cursor, no wrapping at the end of a line.
constexpr char kEnter[] = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr char kLeave[] = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr char kEscape = '\x1b';
constexpr char kControlC = '\x03';

// How long the rest of an escape sequence may take.
constexpr absl::Duration kSequenceTime = absl::Milliseconds(50);

// How long a terminal that takes nothing holds up who leaves it.
constexpr int kLeaveMs = 100;

// The terminal of stdout once more, so that not to wait is a matter of this
// file only: with stdout it would be one of the shell, too. After `su` the
// device is somebody else's, and only the name of one's own terminal is left.
absl::StatusOr<int> OpenOutput() {
  constexpr int kFlags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  int fd = open("/proc/self/fd/1", kFlags);
  if (fd < 0 && tcgetsid(STDOUT_FILENO) == getsid(0)) {
    fd = open("/dev/tty", kFlags);
  }
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, "cannot open the terminal of stdout");
  }
  return fd;
}

// Takes from `text` what was written; false when nobody will take the rest.
bool WriteSome(int fd, std::string& text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written > 0) {
      text.erase(0, written);
    } else if (written == 0 || errno == EAGAIN) {
      return true;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

// Takes a sequence from the front; nothing when it is not complete.
bool TakeSequence(std::string& pending, std::vector<Key>& keys) {
  // ESC [ or ESC O, parameters, a last byte (ECMA-48, 5.4).
  const size_t last = pending.find_first_not_of("0123456789;?", 2);
  if (last == std::string::npos) return false;
  if (pending[last] == 'A') keys.push_back({Key::kUp});
  if (pending[last] == 'B') keys.push_back({Key::kDown});
  pending.erase(0, last + 1);
  return true;
}

}  // namespace

std::vector<Key> ParseKeys(std::string& pending, bool more_may_come) {
  std::vector<Key> keys;
  while (!pending.empty()) {
    const char first = pending[0];
    if (first == kEscape) {
      const bool alone = pending.size() == 1;
      if (alone && more_may_come) break;
      if (!alone && (pending[1] == '[' || pending[1] == 'O')) {
        if (TakeSequence(pending, keys)) continue;
        if (more_may_come) break;
        pending.clear();
        break;
      }
      keys.push_back({Key::kEscape});
    } else if (first == kControlC) {
      keys.push_back({Key::kInterrupt});
    } else if (first == '\r' || first == '\n') {
      keys.push_back({Key::kEnter});
    } else if (first >= ' ' && first <= '~') {
      keys.push_back({Key::kCharacter, first});
    }
    pending.erase(0, 1);
  }
  return keys;
}

absl::StatusOr<std::unique_ptr<Terminal>> Terminal::Open() {
  if (const char* type = std::getenv("TERM");
      type != nullptr && absl::string_view(type) == "dumb") {
    return absl::FailedPreconditionError(
        "TERM=dumb is a terminal that cannot place text; this needs one that "
        "can");
  }
  termios before{};
  if (isatty(STDOUT_FILENO) == 0 || tcgetattr(STDIN_FILENO, &before) != 0) {
    return absl::FailedPreconditionError(
        "this needs a terminal for stdin and stdout");
  }
  ASSIGN_OR_RETURN(const int out_fd, OpenOutput());
  const int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd < 0) {
    const int error = errno;
    close(out_fd);
    return absl::ErrnoToStatus(error, "eventfd");
  }
  termios raw = before;
  cfmakeraw(&raw);
  if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0) {
    const int error = errno;
    close(wake_fd);
    close(out_fd);
    return absl::ErrnoToStatus(error, "tcsetattr");
  }
  return std::unique_ptr<Terminal>(new Terminal(before, raw, wake_fd, out_fd));
}

Terminal::Terminal(const termios& before, const termios& raw, int wake_fd,
                   int out_fd)
    : before_(before), raw_(raw), wake_fd_(wake_fd), out_fd_(out_fd) {
  absl::MutexLock lock(&mu_);
  TakeOver();
}

Terminal::~Terminal() {
  Restore();
  close(wake_fd_);
  close(out_fd_);
}

void Terminal::TakeOver() {
  mode_ = Mode::kOurs;
  output_ = kEnter;
  shown_ = Frame(0, 0);
  Flush();
}

void Terminal::GiveBack() {
  tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  // What is left of a picture no longer matters; a sequence that is cut off
  // ends where the next one begins.
  output_ = kLeave;
  pollfd out = {out_fd_, POLLOUT, 0};
  if (poll(&out, 1, kLeaveMs) == 1) Flush();
  output_.clear();
}

void Terminal::Restore() {
  absl::MutexLock lock(&mu_);
  if (mode_ == Mode::kOurs) GiveBack();
  mode_ = Mode::kGivenBack;
}

void Terminal::Suspend() {
  absl::MutexLock lock(&mu_);
  if (mode_ != Mode::kOurs) return;
  GiveBack();
  mode_ = Mode::kLent;
}

void Terminal::Resume() {
  absl::MutexLock lock(&mu_);
  // After a stop that could not be seen coming it is still ours, and the shell
  // has changed it all the same.
  if (mode_ == Mode::kGivenBack) return;
  tcsetattr(STDIN_FILENO, TCSANOW, &raw_);
  TakeOver();
}

Frame Terminal::BlankFrame() const {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return Frame(80, 24);
  }
  return Frame(size.ws_col, size.ws_row);
}

void Terminal::Flush() {
  if (WriteSome(out_fd_, output_)) return;
  gone_ = true;
  output_.clear();
}

bool Terminal::IsGone() {
  absl::MutexLock lock(&mu_);
  return gone_;
}

bool Terminal::HasMore() {
  absl::MutexLock lock(&mu_);
  return !output_.empty();
}

bool Terminal::Show(const Frame& frame) {
  absl::MutexLock lock(&mu_);
  if (mode_ != Mode::kOurs || !output_.empty()) return false;
  output_ = Redraw(shown_, frame);
  const bool has_news = !output_.empty();
  shown_ = frame;
  Flush();
  return has_news;
}

std::vector<Key> Terminal::ReadKeys(absl::Duration timeout) {
  if (IsGone()) return {{Key::kInterrupt}};
  // Of a sequence that has begun the rest comes at once, or never.
  if (!pending_.empty()) timeout = std::min(timeout, kSequenceTime);
  // A negative descriptor is none.
  pollfd sources[] = {{STDIN_FILENO, POLLIN, 0},
                      {wake_fd_, POLLIN, 0},
                      {HasMore() ? out_fd_ : -1, POLLOUT, 0}};
  // Rounded up, or the last part of a millisecond would be spent asking.
  const auto ms = static_cast<int>(
      absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1))));
  if (poll(sources, 3, std::max(ms, 0)) <= 0) {
    return ParseKeys(pending_, /*more_may_come=*/false);
  }
  if (sources[1].revents != 0) {
    uint64_t count = 0;
    (void)!read(wake_fd_, &count, sizeof(count));
  }
  if (sources[2].revents != 0) {
    absl::MutexLock lock(&mu_);
    Flush();
  }
  if (IsGone()) return {{Key::kInterrupt}};
  if (sources[0].revents == 0) return {};
  char bytes[256];
  const ssize_t size = read(STDIN_FILENO, bytes, sizeof(bytes));
  if (size <= 0) return {{Key::kInterrupt}};
  pending_.append(bytes, size);
  return ParseKeys(pending_, /*more_may_come=*/true);
}

void Terminal::Wake() {
  const uint64_t one = 1;
  (void)!write(wake_fd_, &one, sizeof(one));
}

}  // namespace lockstep::cli
