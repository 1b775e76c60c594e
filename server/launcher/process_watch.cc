#include "server/launcher/process_watch.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "proto/contract/check.h"
#include "server/launcher/process_table.h"

namespace lockstep {
namespace {

// In the place of a process: the watch is to stop.
constexpr int64_t kStopId = 0;

bool AddToEpoll(int epoll_fd, int fd, int64_t id) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = static_cast<uint64_t>(id);
  return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

// Reaps it if it is our child.
ProcessWatch::End EndOf(int pidfd) {
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG) !=
          0 ||
      info.si_pid == 0) {
    return {};
  }
  if (info.si_code == CLD_EXITED) return {.exit_code = info.si_status};
  return {.signal = info.si_status};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProcessWatch>> ProcessWatch::Start(
    Listener listener) {
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  const int stop_fd = eventfd(0, EFD_CLOEXEC);
  if (epoll_fd < 0 || stop_fd < 0 || !AddToEpoll(epoll_fd, stop_fd, kStopId)) {
    const int error = errno;
    close(epoll_fd);
    close(stop_fd);
    return absl::ErrnoToStatus(error, "watch processes");
  }
  return std::unique_ptr<ProcessWatch>(
      new ProcessWatch(epoll_fd, stop_fd, std::move(listener)));
}

ProcessWatch::ProcessWatch(int epoll_fd, int stop_fd, Listener listener)
    : epoll_fd_(epoll_fd),
      stop_fd_(stop_fd),
      listener_(std::move(listener)),
      thread_([this] { Run(); }) {}

ProcessWatch::~ProcessWatch() {
  const uint64_t one = 1;
  LOCKSTEP_CHECK(write(stop_fd_, &one, sizeof(one)) == sizeof(one));
  thread_.join();
  for (const auto& [id, pidfd] : pidfds_) close(pidfd);
  close(stop_fd_);
  close(epoll_fd_);
}

void ProcessWatch::Add(int64_t id, int pidfd) {
  absl::MutexLock lock(&mu_);
  pidfds_[id] = pidfd;
  LOCKSTEP_CHECK(AddToEpoll(epoll_fd_, pidfd, id));
}

void ProcessWatch::Signal(int64_t id, int signal) {
  absl::MutexLock lock(&mu_);
  const auto found = pidfds_.find(id);
  if (found != pidfds_.end()) SignalPidfd(found->second, signal);
}

void ProcessWatch::Run() {
  std::array<epoll_event, 16> events;
  while (true) {
    const int count = epoll_wait(epoll_fd_, events.data(), events.size(), -1);
    LOCKSTEP_CHECK(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; ++i) {
      const auto id = static_cast<int64_t>(events[i].data.u64);
      if (id == kStopId) return;
      Ended(id);
    }
  }
}

void ProcessWatch::Ended(int64_t id) {
  End end;
  {
    absl::MutexLock lock(&mu_);
    const auto found = pidfds_.find(id);
    end = EndOf(found->second);
    // By hand: a child that is just being started may hold a copy, and the set
    // forgets a file with its last descriptor only.
    LOCKSTEP_CHECK(
        epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, found->second, nullptr) == 0);
    close(found->second);
    pidfds_.erase(found);
  }
  listener_(id, end);
}

}  // namespace lockstep
