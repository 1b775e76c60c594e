#include "server/launcher/run_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/contract/monotonic_time.h"
#include "server/launcher/fresh_process.h"
#include "server/launcher/process_table.h"

extern char** environ;

namespace lockstep {
namespace {

constexpr size_t kMostOutput = 1 << 20;

// The end that is read, and how far that has come.
struct OutputPipe {
  int read_fd = -1;
  int write_fd = -1;
  std::string text;

  absl::Status Open() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
    read_fd = fds[0];
    write_fd = fds[1];
    return absl::OkStatus();
  }
  void CloseWriteEnd() {
    if (write_fd >= 0) close(write_fd);
    write_fd = -1;
  }
  void CloseReadEnd() {
    if (read_fd >= 0) close(read_fd);
    read_fd = -1;
  }
  ~OutputPipe() {
    CloseWriteEnd();
    CloseReadEnd();
  }

  void Read() {
    std::array<char, 65536> piece;
    const ssize_t count = read(read_fd, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) return;
    if (count <= 0) return CloseReadEnd();
    const size_t room = kMostOutput - std::min(kMostOutput, text.size());
    text.append(piece.data(), std::min(room, static_cast<size_t>(count)));
  }
};

absl::StatusOr<pid_t> Spawn(const CommandOptions& options,
                            const OutputPipe& out, const OutputPipe& err) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const auto destroy = absl::MakeCleanup([&] {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
  });
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out.write_fd, 1);
  posix_spawn_file_actions_adddup2(&files, err.write_fd, 2);
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  // A group of its own, so that all of it can be killed.
  posix_spawnattr_setpgroup(&attributes, 0);
  StartAfresh(POSIX_SPAWN_SETPGROUP, &attributes);
  const std::vector<char*> argv = ArgumentsOf(options.argv);
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const bool passes =
        std::none_of(options.without.begin(), options.without.end(),
                     [&](const std::string& prefix) {
                       return absl::StartsWith(*variable, prefix);
                     });
    if (passes) environment.push_back(*variable);
  }
  for (const std::string& variable : options.with) {
    environment.push_back(const_cast<char*>(variable.c_str()));
  }
  environment.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &files, &attributes,
                                 argv.data(), environment.data());
  if (error != 0) {
    return absl::ErrnoToStatus(error, absl::StrCat("start ", options.argv[0]));
  }
  return pid;
}

absl::Status GaveUp(const CommandOptions& options, bool stopped) {
  if (stopped) {
    return absl::CancelledError(
        absl::StrCat(options.argv[0], ": nobody waits any more"));
  }
  return absl::DeadlineExceededError(
      absl::StrCat(options.argv[0], " did not end within ",
                   absl::FormatDuration(options.timeout)));
}

// Until both outputs are closed and the process has ended.
absl::Status ReadAll(const CommandOptions& options, int pidfd, OutputPipe& out,
                     OutputPipe& err) {
  const absl::Time deadline = MonotonicNow() + options.timeout;
  bool ended = false;
  while (!ended || out.read_fd >= 0 || err.read_fd >= 0) {
    std::array<pollfd, 4> fds = {{{out.read_fd, POLLIN, 0},
                                  {err.read_fd, POLLIN, 0},
                                  {ended ? -1 : pidfd, POLLIN, 0},
                                  {options.stop_fd, POLLIN, 0}}};
    const absl::Duration left = deadline - MonotonicNow();
    if (left <= absl::ZeroDuration()) return GaveUp(options, false);
    const int wait = static_cast<int>(absl::ToInt64Milliseconds(left)) + 1;
    if (poll(fds.data(), fds.size(), wait) < 0 && errno != EINTR) {
      return absl::ErrnoToStatus(errno, "poll");
    }
    if (fds[3].revents != 0) return GaveUp(options, true);
    if (fds[0].revents != 0) out.Read();
    if (fds[1].revents != 0) err.Read();
    if (fds[2].revents != 0) ended = true;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CommandResult> RunCommand(const CommandOptions& options) {
  OutputPipe out;
  OutputPipe err;
  absl::Status opened = out.Open();
  if (opened.ok()) opened = err.Open();
  if (!opened.ok()) return opened;
  const absl::StatusOr<pid_t> pid = Spawn(options, out, err);
  if (!pid.ok()) return pid.status();
  out.CloseWriteEnd();
  err.CloseWriteEnd();
  // Our child and not reaped: it is there, though it may have ended.
  const int pidfd = OpenPidfd(*pid);
  absl::Status read = pidfd < 0 ? absl::ErrnoToStatus(errno, "watch a command")
                                : ReadAll(options, pidfd, out, err);
  if (pidfd >= 0) close(pidfd);
  if (!read.ok()) kill(-*pid, SIGKILL);
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!read.ok()) return read;
  return CommandResult{.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                                        : WEXITSTATUS(status),
                       .out = std::move(out.text),
                       .err = std::move(err.text)};
}

}  // namespace lockstep
