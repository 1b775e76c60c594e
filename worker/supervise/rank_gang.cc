#include "worker/supervise/rank_gang.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/contract/check.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/log_time.h"
#include "proto/contract/monotonic_time.h"
#include "worker/supervise/cpu_binding.h"

extern char** environ;

namespace lockstep {
namespace {

// By number: glibc 2.36 declares them without C linkage.
int PidfdOpen(pid_t pid) { return syscall(SYS_pidfd_open, pid, 0); }
int PidfdSendSignal(int pidfd, int signal) {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
}

// Signal state and open files as a fresh program expects them, output to the
// log. Returns errno.
int Spawn(const RankGang::Rank& rank, pid_t* pid) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, rank.log_path.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0640);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawn_file_actions_addclosefrom_np(&files, 3);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<char*> argv;
  for (const std::string& argument : rank.argv) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const int error =
      posix_spawn(pid, argv[0], &files, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

// As those of the rank itself, which begin with the time.
std::string LogLine(const std::string& text) {
  return absl::StrCat(FormatLogTime(absl::Now()), text, "\n");
}

void AppendToLog(const std::string& path, const std::string& line) {
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd < 0) return;
  if (write(fd, line.data(), line.size()) < 0) {
    // Nobody is left to be told: the exit code alone has to do.
  }
  close(fd);
}

// A process begins with the CPUs of the thread that starts it, and so do the
// threads that its libraries start before main.
int SpawnBound(const RankGang::Rank& rank, pid_t* pid) {
  if (rank.cpus.empty()) return Spawn(rank, pid);
  const CpuSet before = AllowedCpus();
  const std::string list = FormatCpuList(rank.cpus);
  if (const int error = SetAllowedCpus(rank.cpus); error != 0) {
    AppendToLog(rank.log_path,
                LogLine(absl::StrCat("is not bound to the CPUs ", list, ": ",
                                     strerror(error))));
    return Spawn(rank, pid);
  }
  AppendToLog(rank.log_path,
              LogLine(absl::StrCat("is bound to the CPUs ", list,
                                   ", its part of those next to its GPU")));
  const int error = Spawn(rank, pid);
  SetAllowedCpus(before);
  return error;
}

}  // namespace

RankGang::RankGang(std::vector<Rank> ranks, Options options, Listener listener)
    : ranks_(std::move(ranks)),
      options_(std::move(options)),
      listener_(std::move(listener)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      oom_watch_(options_.vmstat, MonotonicNow()) {
  LOCKSTEP_CHECK(wake_fd_ >= 0);
}

RankGang::~RankGang() { close(wake_fd_); }

std::vector<worker::v1::RankProcess> RankGang::Run() {
  Start();
  Tell();
  while (AnyLiving()) {
    if (AnyFailed() && !terminated_) Stop(options_.peer_grace);
    if (!killed_ && MonotonicNow() >= kill_at_) {
      killed_ = true;
      SignalLiving(SIGKILL);
    }
    Poll();
    if (Reap()) Tell();
    ObeyRequests();
    if (MonotonicNow() >= trim_at_) TrimLogs();
  }
  TrimLogs();
  std::vector<worker::v1::RankProcess> ends;
  for (const Process& process : processes_) ends.push_back(process.known);
  return ends;
}

void RankGang::RequestStop(absl::Duration grace) {
  absl::MutexLock lock(&mu_);
  requested_grace_ = std::min(requested_grace_, grace);
  const uint64_t one = 1;
  LOCKSTEP_CHECK(write(wake_fd_, &one, sizeof(one)) == sizeof(one));
}

void RankGang::Start() {
  for (const Rank& rank : ranks_) {
    Process& process = processes_.emplace_back();
    process.known.set_rank(rank.rank);
    pid_t pid = 0;
    if (const int error = SpawnBound(rank, &pid); error != 0) {
      AppendToLog(rank.log_path,
                  absl::StrCat("rank ", rank.rank, " cannot be started: ",
                               rank.argv[0], ": ", strerror(error), "\n"));
      process.known.set_exited(true);
      // A log that cannot be opened, or too many processes, may pass.
      const bool program_is_there = access(rank.argv[0].c_str(), X_OK) == 0;
      process.known.set_exit_code(
          program_is_there && error != ENOEXEC ? kFailure : kCannotStart);
      continue;
    }
    process.known.set_pid(pid);
    process.pidfd = PidfdOpen(pid);
    LOCKSTEP_CHECK(process.pidfd >= 0);
    log_caps_.emplace_back(rank.log_path, options_.log_limits);
  }
  TrimLogs();
}

void RankGang::TrimLogs() {
  absl::Duration next = absl::InfiniteDuration();
  const auto grows_on = [&](LogCap& cap) {
    const absl::Status status = cap.Trim();
    next = std::min(next, cap.interval());
    if (absl::IsUnimplemented(status)) {
      AppendToLog(cap.path(), LogLine(std::string(status.message())));
    }
    return !status.ok();
  };
  log_caps_.erase(std::remove_if(log_caps_.begin(), log_caps_.end(), grows_on),
                  log_caps_.end());
  trim_at_ = MonotonicNow() + next;
}

void RankGang::Poll() {
  std::vector<pollfd> fds = {{wake_fd_, POLLIN, 0}};
  // It stays readable; once is enough.
  if (options_.terminate_fd >= 0 && !terminated_) {
    fds.push_back({options_.terminate_fd, POLLIN, 0});
  }
  for (const Process& process : processes_) {
    if (!process.known.exited()) fds.push_back({process.pidfd, POLLIN, 0});
  }
  if (poll(fds.data(), fds.size(), PollTimeoutMs()) < 0) {
    LOCKSTEP_CHECK(errno == EINTR);
    return;
  }
  if (fds.size() > 1 && fds[1].fd == options_.terminate_fd &&
      fds[1].revents != 0) {
    // Ranks that ended meanwhile ended by themselves.
    if (Reap()) Tell();
    Stop(options_.terminate_grace);
  }
}

bool RankGang::Reap() {
  bool any = false;
  oom_watch_.Look(MonotonicNow());
  for (Process& process : processes_) {
    if (process.known.exited()) continue;
    siginfo_t end = {};
    if (waitid(P_PIDFD, process.pidfd, &end, WEXITED | WNOHANG) != 0 ||
        end.si_pid == 0) {
      continue;
    }
    any = true;
    process.known.set_exited(true);
    if (end.si_code == CLD_EXITED) {
      process.known.set_exit_code(end.si_status);
    } else {
      process.known.set_signal(end.si_status);
      process.known.set_out_of_memory(end.si_status == SIGKILL && !killed_ &&
                                      oom_watch_.KilledLately());
    }
    close(process.pidfd);
    process.pidfd = -1;
  }
  return any;
}

void RankGang::ObeyRequests() {
  absl::Duration grace;
  {
    absl::MutexLock lock(&mu_);
    grace = std::exchange(requested_grace_, absl::InfiniteDuration());
    uint64_t count;
    // Empty when nobody asked.
    if (read(wake_fd_, &count, sizeof(count)) < 0)
      LOCKSTEP_CHECK(errno == EAGAIN);
  }
  if (grace != absl::InfiniteDuration()) Stop(grace);
}

void RankGang::Stop(absl::Duration grace) {
  kill_at_ = std::min(kill_at_, MonotonicNow() + grace);
  if (terminated_) return;
  terminated_ = true;
  SignalLiving(SIGTERM);
}

void RankGang::SignalLiving(int signal) {
  for (Process& process : processes_) {
    if (process.known.exited()) continue;
    process.known.set_asked_to_stop(true);
    PidfdSendSignal(process.pidfd, signal);
  }
}

bool RankGang::AnyLiving() const {
  return std::any_of(processes_.begin(), processes_.end(),
                     [](const Process& p) { return !p.known.exited(); });
}

bool RankGang::AnyFailed() const {
  return std::any_of(
      processes_.begin(), processes_.end(), [](const Process& p) {
        return p.known.exited() &&
               (p.known.exit_code() != 0 || p.known.signal() != 0);
      });
}

int RankGang::PollTimeoutMs() const {
  const absl::Time next = killed_ ? trim_at_ : std::min(kill_at_, trim_at_);
  if (next == absl::InfiniteFuture()) return -1;
  const absl::Duration left = next - MonotonicNow();
  // Rounded up, so that the deadline has passed when poll returns.
  return std::max<int64_t>(0, absl::ToInt64Milliseconds(left) + 1);
}

void RankGang::Tell() const {
  std::vector<worker::v1::RankProcess> ranks;
  for (const Process& process : processes_) ranks.push_back(process.known);
  listener_(ranks);
}

}  // namespace lockstep
