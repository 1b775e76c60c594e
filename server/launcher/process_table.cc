#include "server/launcher/process_table.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

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

// Each argument ends with a zero byte.
std::vector<std::string> ArgvOf(pid_t pid) {
  std::string line = ReadProc(absl::StrCat("/proc/", pid, "/cmdline"));
  if (line.empty()) return {};
  if (line.back() == '\0') line.pop_back();
  return absl::StrSplit(line, '\0');
}

bool Has(const std::vector<std::string>& argv, absl::string_view argument) {
  return std::find(argv.begin(), argv.end(), argument) != argv.end();
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

std::vector<ProcessEntry> FindByArgument(absl::string_view argument) {
  std::vector<ProcessEntry> found;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end;
       !error && entry != end; entry.increment(error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry->path().filename().string(), &pid)) continue;
    std::vector<std::string> argv = ArgvOf(pid);
    if (Has(argv, argument)) found.push_back({pid, std::move(argv)});
  }
  return found;
}

void KillByArgument(absl::string_view argument) {
  for (const ProcessEntry& entry : FindByArgument(argument)) {
    const int pidfd = OpenPidfd(entry.pid);
    if (pidfd < 0) continue;
    // The id may have gone to another process before the handle was opened.
    if (Has(ArgvOf(entry.pid), argument)) SignalPidfd(pidfd, SIGKILL);
    close(pidfd);
  }
}

}  // namespace lockstep
