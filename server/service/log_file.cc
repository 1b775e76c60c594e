#include "server/service/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/contract/log_time.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

constexpr int64_t kBlock = 64 << 10;

// A log is a plain file of ours; a link or a pipe in its place is not followed.
absl::StatusOr<int> OpenLog(const std::string& path) {
  const int fd =
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", path));
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(fd);
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not a plain file"));
  }
  return fd;
}

absl::StatusOr<std::string> ReadAt(const std::string& path, int fd,
                                   int64_t offset, int64_t size) {
  std::string bytes(size, '\0');
  int64_t done = 0;
  while (done < size) {
    const ssize_t got =
        pread(fd, bytes.data() + done, size - done, offset + done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, absl::StrCat("read ", path));
    if (got == 0) break;
    done += got;
  }
  bytes.resize(done);
  return bytes;
}

int64_t SizeOf(int fd) {
  struct stat info {};
  fstat(fd, &info);
  return info.st_size;
}

// Bytes [begin, end) that are not there; both at the end of the file if all
// are.
struct Hole {
  int64_t begin = 0;
  int64_t end = 0;
};

// The first one after `offset`, or around it.
Hole NextHole(int fd, int64_t offset) {
  const int64_t size = SizeOf(fd);
  const int64_t begin = lseek(fd, offset, SEEK_HOLE);
  if (begin < 0 || begin >= size) return {size, size};
  const int64_t end = lseek(fd, begin, SEEK_DATA);
  return {begin, end < 0 ? size : end};
}

}  // namespace

absl::StatusOr<int64_t> LogFile::Size() const {
  ASSIGN_OR_RETURN(const int fd, OpenLog(path_));
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  return SizeOf(fd);
}

absl::StatusOr<LogFile::Lines> LogFile::ReadLines(int64_t offset,
                                                  int64_t max_bytes,
                                                  bool ended) const {
  ASSIGN_OR_RETURN(const int fd, OpenLog(path_));
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  const Hole hole = NextHole(fd, offset);
  if (offset >= hole.begin && offset < hole.end) {
    return Lines{absl::StrCat("[", hole.end - offset,
                              " bytes of this log are gone: it grew too large]"
                              "\n"),
                 hole.end};
  }
  const int64_t wanted = std::clamp<int64_t>(hole.begin - offset, 0, max_bytes);
  ASSIGN_OR_RETURN(std::string bytes, ReadAt(path_, fd, offset, wanted));
  const bool up_to_hole =
      hole.begin < hole.end &&
      offset + static_cast<int64_t>(bytes.size()) == hole.begin;
  const size_t newline = bytes.rfind('\n');
  if (newline != std::string::npos) {
    bytes.resize(newline + 1);
  } else if (up_to_hole) {
    // The line whose rest is gone.
    return Lines{bytes + "\n", hole.begin};
  } else if (!ended && static_cast<int64_t>(bytes.size()) < max_bytes) {
    bytes.clear();
  }
  const int64_t end = offset + static_cast<int64_t>(bytes.size());
  return Lines{std::move(bytes), end};
}

absl::StatusOr<LogFile::TimedLine> LogFile::NextTimedLine(int fd, int64_t from,
                                                          int64_t end) const {
  bool begins = from == 0;
  while (from < end) {
    ASSIGN_OR_RETURN(
        const std::string block,
        ReadAt(path_, fd, from,
               std::min(kBlock, end - from) + int64_t{kLogTimeBytes}));
    const auto whole = std::min<int64_t>(kBlock, end - from);
    for (int64_t i = 0; i < whole; ++i) {
      if (begins) {
        const std::optional<absl::Time> time =
            LogTimeOf(absl::ClippedSubstr(block, i));
        if (time.has_value()) return TimedLine{from + i, *time};
      }
      begins = block[i] == '\n';
    }
    from += whole;
  }
  return TimedLine{end, absl::InfiniteFuture()};
}

absl::StatusOr<int64_t> LogFile::SinceOffset(absl::Time since) const {
  ASSIGN_OR_RETURN(const int fd, OpenLog(path_));
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  const int64_t size = SizeOf(fd);
  int64_t begin = 0;
  while (true) {
    const Hole hole = NextHole(fd, begin);
    ASSIGN_OR_RETURN(const int64_t first,
                     FirstSince(fd, begin, hole.begin, since));
    if (first < hole.begin || hole.begin == size) return first;
    begin = hole.end;
  }
}

absl::StatusOr<int64_t> LogFile::FirstSince(int fd, int64_t begin, int64_t end,
                                            absl::Time since) const {
  // No line before `begin` is new enough, and that at `end` is, if there is
  // one.
  int64_t search_to = end;
  while (search_to - begin > kBlock) {
    const int64_t middle = begin + (search_to - begin) / 2;
    ASSIGN_OR_RETURN(const TimedLine line,
                     NextTimedLine(fd, middle, search_to));
    if (line.offset == search_to) {
      search_to = middle;
    } else if (line.time >= since) {
      end = line.offset;
      search_to = middle;
    } else {
      begin = line.offset;
    }
  }
  while (true) {
    ASSIGN_OR_RETURN(const TimedLine line, NextTimedLine(fd, begin, end));
    if (line.offset == end || line.time >= since) return line.offset;
    begin = line.offset + 1;
  }
}

absl::StatusOr<int64_t> LogFile::TailOffset(int lines) const {
  ASSIGN_OR_RETURN(const int fd, OpenLog(path_));
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  const int64_t size = SizeOf(fd);
  // What is before a hole is not searched: the hole is the first line then.
  int64_t first = 0;
  for (Hole hole = NextHole(fd, 0); hole.begin < hole.end;
       hole = NextHole(fd, hole.end)) {
    if (hole.end < size) first = hole.end;
    if (hole.end >= size) break;
  }
  // The newline that ends the last line begins no other one.
  int64_t end = size - 1;
  int found = 0;
  while (end > first) {
    const int64_t begin = std::max(first, end - kBlock);
    ASSIGN_OR_RETURN(const std::string block,
                     ReadAt(path_, fd, begin, end - begin));
    for (int64_t i = static_cast<int64_t>(block.size()) - 1; i >= 0; --i) {
      if (block[i] == '\n' && ++found == lines) return begin + i + 1;
    }
    end = begin;
  }
  return first;
}

}  // namespace lockstep
