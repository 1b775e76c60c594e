#include "client/cli/terminal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"

namespace lockstep::cli {
namespace {

// The other screen, no cursor, no wrapping at the end of a line.
constexpr char kEnter[] = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr char kLeave[] = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr char kEscape = '\x1b';
constexpr char kControlC = '\x03';

// How long the rest of an escape sequence may take.
constexpr absl::Duration kSequenceTime = absl::Milliseconds(50);

void WriteAll(absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // The terminal is gone; reading says so, too.
    text.remove_prefix(written);
  }
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
  termios before{};
  if (isatty(STDOUT_FILENO) == 0 || tcgetattr(STDIN_FILENO, &before) != 0) {
    return absl::FailedPreconditionError(
        "this needs a terminal for stdin and stdout");
  }
  const int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd < 0) return absl::ErrnoToStatus(errno, "eventfd");
  termios raw = before;
  cfmakeraw(&raw);
  if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0) {
    const int error = errno;
    close(wake_fd);
    return absl::ErrnoToStatus(error, "tcsetattr");
  }
  WriteAll(kEnter);
  return std::unique_ptr<Terminal>(new Terminal(before, wake_fd));
}

Terminal::Terminal(const termios& before, int wake_fd)
    : before_(before), wake_fd_(wake_fd) {}

Terminal::~Terminal() {
  Restore();
  close(wake_fd_);
}

void Terminal::Restore() {
  if (restored_.exchange(true)) return;
  tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  // Not under the lock: who draws may wait for ever for a terminal that nobody
  // reads.
  pollfd out = {STDOUT_FILENO, POLLOUT, 0};
  if (poll(&out, 1, /*timeout=*/100) == 1) WriteAll(kLeave);
}

Frame Terminal::BlankFrame() const {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return Frame(80, 24);
  }
  return Frame(size.ws_col, size.ws_row);
}

void Terminal::Show(const Frame& frame) {
  if (restored_) return;
  WriteAll(Redraw(shown_, frame));
  shown_ = frame;
}

std::vector<Key> Terminal::ReadKeys(absl::Duration timeout) {
  // Of a sequence that has begun the rest comes at once, or never.
  if (!pending_.empty()) timeout = std::min(timeout, kSequenceTime);
  pollfd sources[] = {{STDIN_FILENO, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
  const auto ms = static_cast<int>(absl::ToInt64Milliseconds(timeout));
  if (poll(sources, 2, std::max(ms, 0)) <= 0) {
    return ParseKeys(pending_, /*more_may_come=*/false);
  }
  if (sources[1].revents != 0) {
    uint64_t count = 0;
    (void)!read(wake_fd_, &count, sizeof(count));
  }
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
