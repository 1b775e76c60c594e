#include "client/cli/private_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

absl::Status IoError(absl::string_view what, const std::string& path) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(what, " ", path));
}

absl::Status Exists(const std::string& path) {
  return absl::AlreadyExistsError(
      absl::StrCat(path, " exists already, and is not replaced"));
}

// Makes the new name itself durable.
absl::Status SyncFolderOf(const std::string& path) {
  const std::string folder =
      std::filesystem::absolute(path).parent_path().string();
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return IoError("open", folder);
  absl::Status status;
  if (fsync(fd) != 0) status = IoError("fsync", folder);
  close(fd);
  return status;
}

}  // namespace

absl::StatusOr<PrivateFile> PrivateFile::Create(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0) return Exists(path);
  std::string temporary = path + ".part-XXXXXX";
  // 0600, and no file that was there.
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return IoError("create", path);
  return PrivateFile(path, temporary, fd);
}

PrivateFile::~PrivateFile() {
  if (fd_ >= 0) close(fd_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

absl::Status PrivateFile::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return IoError("write", path_);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status PrivateFile::Commit() {
  if (fsync(fd_) != 0) return IoError("fsync", path_);
  if (close(std::exchange(fd_, -1)) != 0) return IoError("close", path_);
  if (renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(),
                RENAME_NOREPLACE) != 0) {
    return errno == EEXIST ? Exists(path_) : IoError("rename to", path_);
  }
  temporary_.clear();
  return SyncFolderOf(path_);
}

}  // namespace lockstep::cli
