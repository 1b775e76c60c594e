#include "server/launcher/process_table.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "proto/contract/monotonic_time.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

// Files of /proc have no size, and may vanish while they are read.
std::string ReadProc(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// One of the kernel's, of another user or one that has ended has none to show.
bool HasProgram(pid_t pid) {
  char target[1];
  return readlink(absl::StrCat("/proc/", pid, "/exe").c_str(), target, 1) >= 0;
}

// Its handle when it was killed, else -1: the id may have gone to another
// process before the handle was opened.
int KillIfMarked(pid_t pid, absl::string_view argument) {
  const int pidfd = OpenPidfd(pid);
  if (pidfd < 0) return -1;
  if (!HasArgument(ArgvOf(pid), argument)) {
    close(pidfd);
    return -1;
  }
  SignalPidfd(pidfd, SIGKILL);
  return pidfd;
}

}  // namespace

// By number: glibc 2.36 declares them without C linkage.
int OpenPidfd(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

void SignalPidfd(int pidfd, int signal) {
  syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
}

std::optional<int64_t> StartTicks(pid_t pid) {
  const std::string stat = ReadProc(absl::StrCat("/proc/", pid, "/stat"));
  // The second field is the program's name in parentheses, and may hold any.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<absl::string_view> fields = absl::StrSplit(
      absl::string_view(stat).substr(name_end + 1), ' ', absl::SkipEmpty());
  // Field 22 of all; the first here is the third.
  constexpr size_t kStartTime = 22 - 3;
  int64_t ticks = 0;
  if (fields.size() <= kStartTime ||
      !absl::SimpleAtoi(fields[kStartTime], &ticks)) {
    return std::nullopt;
  }
  return ticks;
}

std::string BootId() {
  return std::string(
      absl::StripAsciiWhitespace(ReadProc("/proc/sys/kernel/random/boot_id")));
}

// Each argument ends with a zero byte. In the middle of an exec a process has
// no command line, and is looked at again; not for ever, since a privileged one
// can take its own away.
std::vector<std::string> ArgvOf(pid_t pid) {
  constexpr absl::Duration kLongestExec = absl::Seconds(1);
  const std::string path = absl::StrCat("/proc/", pid, "/cmdline");
  std::string line = ReadProc(path);
  const absl::Time start = MonotonicNow();
  while (line.empty() && HasProgram(pid) &&
         MonotonicNow() - start < kLongestExec) {
    sched_yield();
    line = ReadProc(path);
  }
  if (line.empty()) return {};
  if (line.back() == '\0') line.pop_back();
  return absl::StrSplit(line, '\0');
}

bool HasArgument(const std::vector<std::string>& argv,
                 absl::string_view argument) {
  return std::find(argv.begin(), argv.end(), argument) != argv.end();
}

std::vector<ProcessEntry> FindByArgument(absl::string_view argument) {
  std::vector<ProcessEntry> found;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end;
       !error && entry != end; entry.increment(error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry->path().filename().string(), &pid)) continue;
    std::vector<std::string> argv = ArgvOf(pid);
    if (HasArgument(argv, argument)) found.push_back({pid, std::move(argv)});
  }
  return found;
}

bool WaitUntilGone(const std::vector<int>& pidfds,
                   absl::Duration longest_wait) {
  const absl::Time deadline = MonotonicNow() + longest_wait;
  bool all_gone = true;
  for (const int pidfd : pidfds) {
    pollfd gone{pidfd, POLLIN, 0};
    int ready = 0;
    do {
      const absl::Duration left = std::clamp(
          deadline - MonotonicNow(), absl::ZeroDuration(), longest_wait);
      // Rounded up: a wait of less than one must not become a busy one.
      ready = poll(&gone, 1,
                   static_cast<int>(absl::ToInt64Milliseconds(
                       absl::Ceil(left, absl::Milliseconds(1)))));
    } while (ready < 0 && errno == EINTR);
    all_gone = all_gone && ready == 1;
  }
  return all_gone;
}

bool KillByArgument(absl::string_view argument, absl::Duration longest_wait) {
  // Again until nobody is new: a process may fork while the table is read.
  absl::flat_hash_set<pid_t> seen;
  std::vector<int> killed;
  bool is_anyone_new = true;
  while (is_anyone_new) {
    is_anyone_new = false;
    for (const ProcessEntry& entry : FindByArgument(argument)) {
      if (!seen.insert(entry.pid).second) continue;
      is_anyone_new = true;
      const int pidfd = KillIfMarked(entry.pid, argument);
      if (pidfd >= 0) killed.push_back(pidfd);
    }
  }
  const bool gone = WaitUntilGone(killed, longest_wait);
  for (const int pidfd : killed) close(pidfd);
  return gone;
}

}  // namespace lockstep
