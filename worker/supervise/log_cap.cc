#include "worker/supervise/log_cap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace lockstep {
namespace {

constexpr absl::Duration kUsualInterval = absl::Seconds(1);
// At a gigabyte a second a quarter of the usual limit comes in.
constexpr absl::Duration kBusyInterval = absl::Milliseconds(20);

// Holes begin and end between blocks.
constexpr int64_t kBlock = 4096;
constexpr int64_t kBytesOfStatBlock = 512;

}  // namespace

LogCap::LogCap(std::string path, Limits limits)
    : path_(std::move(path)), limits_(limits), interval_(kUsualInterval) {}

absl::Status LogCap::Trim() {
  const int fd = open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return absl::OkStatus();
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", path_));
  const auto closer = absl::MakeCleanup([fd] { close(fd); });
  return TrimOpen(fd);
}

absl::Status LogCap::TrimOpen(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("stat ", path_));
  }
  const int64_t grown = info.st_size - std::exchange(size_, info.st_size);
  interval_ = grown > limits_.most / 4 ? kBusyInterval : kUsualInterval;
  const int64_t room = info.st_blocks * kBytesOfStatBlock;
  const int64_t begin = (limits_.head + kBlock - 1) / kBlock * kBlock;
  const int64_t end = (info.st_size - limits_.tail) / kBlock * kBlock;
  if (room <= limits_.most || end <= begin) return absl::OkStatus();
  if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, begin,
                end - begin) == 0) {
    return absl::OkStatus();
  }
  if (errno == EOPNOTSUPP) {
    return absl::UnimplementedError(
        "the log grows: its file system has no files with holes");
  }
  return absl::ErrnoToStatus(errno, absl::StrCat("fallocate ", path_));
}

}  // namespace lockstep
