#include "worker/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

absl::Status SyncPath(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return ErrnoToStatus(errno, "open", path);
  const int failed = fsync(fd) != 0 ? errno : 0;
  close(fd);
  if (failed != 0) return ErrnoToStatus(failed, "fsync", path);
  return absl::OkStatus();
}

// Absolute and without a slash at the end, so that it has a parent and a
// neighbour.
std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  const std::string bare(absl::StripSuffix(path, "/"));
  return fs::absolute(bare, error).lexically_normal().string();
}

absl::StatusOr<std::vector<std::string>> ListEntries(
    const std::string& dir,
    const std::function<bool(const fs::directory_entry&)>& wanted) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator entry(dir, error);
  // A range-for would throw when the disk fails in the middle.
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (wanted(*entry)) names.push_back(entry->path().filename().string());
  }
  if (error) return ErrnoToStatus(error.value(), "list", dir);
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status CheckOutputFolder(const std::string& output) {
  std::error_code error;
  if (!fs::exists(output, error) || fs::is_empty(output, error)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(output,
                   ": exists and is not an empty folder; give the name "
                   "of a new one"));
}

}  // namespace

std::string JoinPath(absl::string_view dir, absl::string_view name) {
  return absl::StrCat(absl::StripSuffix(dir, "/"), "/", name);
}

bool FileExists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

absl::Status ErrnoToStatus(int error, absl::string_view action,
                           const std::string& path) {
  const std::string message =
      absl::StrCat(path, ": cannot ", action, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::InternalError(message);
  }
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path,
                                          int64_t max_bytes) {
  // O_NONBLOCK: a FIFO put in a file's place must not stop us here.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ErrnoToStatus(errno, "open", path);
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(fd);
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not a regular file"));
  }
  if (info.st_size > max_bytes) {
    close(fd);
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is ", static_cast<int64_t>(info.st_size),
                     " bytes long; at most ", max_bytes, " are read"));
  }
  std::string content(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t got = read(fd, content.data() + done, content.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      close(fd);
      return ErrnoToStatus(error, "read", path);
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  close(fd);
  content.resize(done);
  return content;
}

absl::Status WriteBytes(int fd, absl::string_view bytes,
                        const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoToStatus(errno, "write", path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status WriteWholeFile(const std::string& path, absl::string_view content,
                            bool sync) {
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoToStatus(errno, "create", path);
  absl::Status status = WriteBytes(fd, content, path);
  if (status.ok() && sync && fsync(fd) != 0) {
    status = ErrnoToStatus(errno, "fsync", path);
  }
  if (close(fd) != 0 && status.ok()) {
    status = ErrnoToStatus(errno, "close", path);
  }
  return status;
}

absl::Status CheckFreeSpace(const std::string& dir, int64_t bytes) {
  struct statvfs info;
  if (statvfs(dir.c_str(), &info) != 0) {
    return ErrnoToStatus(errno, "ask for the free space of", dir);
  }
  const uint64_t free = uint64_t{info.f_bavail} * info.f_frsize;
  if (info.f_blocks == 0 || free >= static_cast<uint64_t>(bytes)) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      dir, ": ", bytes, " bytes are to be written and ", free, " are free"));
}

absl::Status CopyWholeFile(const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(const std::string content, ReadWholeFile(from));
  return WriteWholeFile(to, content, /*sync=*/true);
}

absl::Status SyncFolder(const std::string& dir) {
  return SyncPath(dir, O_RDONLY | O_DIRECTORY);
}

absl::Status SyncFile(const std::string& path) {
  return SyncPath(path, O_RDONLY);
}

absl::Status MakeFolder(const std::string& dir) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) return ErrnoToStatus(error.value(), "create folder", dir);
  return absl::OkStatus();
}

absl::Status RemoveTree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return ErrnoToStatus(error.value(), "remove", path);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListFiles(const std::string& dir) {
  return ListEntries(dir, [](const fs::directory_entry& entry) {
    std::error_code ignored;
    return entry.is_regular_file(ignored);
  });
}

absl::StatusOr<std::vector<std::string>> ListFolders(const std::string& dir) {
  return ListEntries(dir, [](const fs::directory_entry& entry) {
    std::error_code ignored;
    return entry.is_directory(ignored);
  });
}

absl::Status MoveFilesInto(const std::string& from, const std::string& to,
                           absl::string_view last) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, ListFiles(from));
  std::stable_partition(names.begin(), names.end(),
                        [last](const std::string& n) { return n != last; });
  RETURN_IF_ERROR(MakeFolder(to));
  for (const std::string& name : names) {
    RETURN_IF_ERROR(SyncFile(JoinPath(from, name)));
  }
  for (const std::string& name : names) {
    if (rename(JoinPath(from, name).c_str(), JoinPath(to, name).c_str()) != 0) {
      return ErrnoToStatus(errno, "rename into place", JoinPath(to, name));
    }
  }
  RETURN_IF_ERROR(SyncFolder(to));
  return RemoveTree(from);
}

absl::Status WriteFilesInto(
    const std::string& output, absl::string_view last,
    const std::function<absl::Status(const std::string& dir)>& fill) {
  const std::string unfinished = JoinPath(output, ".unfinished");
  RETURN_IF_ERROR(RemoveTree(unfinished));
  RETURN_IF_ERROR(MakeFolder(unfinished));
  absl::Status status = fill(unfinished);
  if (status.ok()) status = MoveFilesInto(unfinished, output, last);
  if (!status.ok()) RemoveTree(unfinished).IgnoreError();
  return status;
}

absl::Status WriteFolder(
    const std::string& output,
    const std::function<absl::Status(const std::string& dir)>& fill) {
  RETURN_IF_ERROR(CheckOutputFolder(output));
  const std::string path = AbsolutePath(output);
  const std::string unfinished = path + ".unfinished";
  RETURN_IF_ERROR(RemoveTree(unfinished));
  RETURN_IF_ERROR(MakeFolder(unfinished));
  absl::Status status = fill(unfinished);
  if (status.ok()) status = SyncFolder(unfinished);
  if (status.ok() && rename(unfinished.c_str(), path.c_str()) != 0) {
    status = ErrnoToStatus(errno, "rename into place", path);
  }
  if (!status.ok()) {
    RemoveTree(unfinished).IgnoreError();
    return status;
  }
  return SyncFolder(fs::path(path).parent_path().string());
}

}  // namespace lockstep
