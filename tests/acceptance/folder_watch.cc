#include "tests/acceptance/folder_watch.h"

#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace lockstep::testing {

FolderWatch::FolderWatch(const std::string& folder, For what)
    : fd_(inotify_init1(IN_CLOEXEC)) {
  const uint32_t mask = what == For::kOpened ? IN_OPEN : IN_CREATE;
  EXPECT_GE(inotify_add_watch(fd_, folder.c_str(), mask), 0) << folder;
}

FolderWatch::~FolderWatch() { close(fd_); }

bool FolderWatch::WaitFor(absl::string_view part, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  alignas(inotify_event)
      std::array<char, 16 * (sizeof(inotify_event) + NAME_MAX + 1)>
          buffer;
  while (true) {
    pollfd waits = {.fd = fd_, .events = POLLIN, .revents = 0};
    const auto left = absl::ToInt64Milliseconds(deadline - absl::Now());
    if (left <= 0 || poll(&waits, 1, static_cast<int>(left)) <= 0) return false;
    const ssize_t bytes = read(fd_, buffer.data(), buffer.size());
    for (ssize_t at = 0; at < bytes;) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      const char* name = buffer.data() + at + sizeof(event);
      if (event.len > 0 && absl::StrContains(name, part)) return true;
      at += static_cast<ssize_t>(sizeof(event) + event.len);
    }
  }
}

}  // namespace lockstep::testing
