#include "client/cli/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lockstep::cli {

absl::StatusOr<MemoryFile> MemoryFile::Create(absl::string_view content) {
  // Not closed on exec.
  const int fd = memfd_create("lockstep", 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "make a file in memory");
  MemoryFile file(fd);
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0) return absl::ErrnoToStatus(errno, "fill a file in memory");
    content.remove_prefix(written);
  }
  return file;
}

MemoryFile::~MemoryFile() {
  if (fd_ >= 0) close(fd_);
}

std::string MemoryFile::path() const {
  return absl::StrCat("/proc/self/fd/", fd_);
}

}  // namespace lockstep::cli
