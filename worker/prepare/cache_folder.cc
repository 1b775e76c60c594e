#include "worker/prepare/cache_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

constexpr mode_t kFolderMode = 0750;

constexpr char kTemporary[] = ".tmp";

std::string TemporaryPath(const std::string& final_path) {
  return final_path + kTemporary;
}

bool Lock(int fd, int how) {
  int locked;
  do {
    locked = flock(fd, how);
  } while (locked != 0 && errno == EINTR);
  return locked == 0;
}

// Whether that is still the name of what is open.
bool IsCalled(int fd, const std::string& path) {
  struct stat ours, named;
  return fstat(fd, &ours) == 0 && stat(path.c_str(), &named) == 0 &&
         ours.st_ino == named.st_ino;
}

// The folder `path`, locked by us; -1 when it is no longer the folder of that
// name, because its last owner has published or removed it.
absl::StatusOr<int> LockFolder(const std::string& path) {
  if (mkdir(path.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return ErrnoToStatus(errno, "make the folder", path);
  }
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return -1;
  if (fd < 0) return ErrnoToStatus(errno, "open", path);
  absl::Cleanup close_fd = [fd] { close(fd); };
  if (!Lock(fd, LOCK_EX)) return ErrnoToStatus(errno, "lock", path);
  if (!IsCalled(fd, path)) return -1;
  std::move(close_fd).Cancel();
  return fd;
}

// Says that the cache is used, from now on; false when there is none, or no
// more. Whoever removes those that are not used holds the lock while it does.
bool Use(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const absl::Cleanup close_fd = [fd] { close(fd); };
  if (!Lock(fd, LOCK_SH) || !IsCalled(fd, path)) return false;
  // One of another user's that cannot be marked is there all the same.
  futimens(fd, nullptr);
  return true;
}

absl::Status RemoveContent(const std::string& dir) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    RETURN_IF_ERROR(RemoveTree(entry.path().string()));
  }
  return error ? ErrnoToStatus(error.value(), "list", dir) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<CacheFolder> CacheFolder::Open(
    const std::string& cache_dir, const std::string& digest,
    const std::function<bool(const std::string& path)>& whole) {
  RETURN_IF_ERROR(MakeFolder(cache_dir));
  const std::string final_path = JoinPath(cache_dir, digest);
  const auto found = [&] { return Use(final_path) && whole(final_path); };
  while (true) {
    if (found()) return CacheFolder(final_path, -1);
    ASSIGN_OR_RETURN(const int fd, LockFolder(TemporaryPath(final_path)));
    if (fd < 0) continue;
    CacheFolder folder(final_path, fd);
    // It may have been published between our look and our lock.
    if (found()) continue;
    RETURN_IF_ERROR(RemoveTree(final_path));
    RETURN_IF_ERROR(RemoveContent(folder.write_path()));
    return folder;
  }
}

void CacheFolder::RemoveAbandoned(const std::string& cache_dir) {
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(cache_dir, error)) {
    if (entry.path().extension() != kTemporary) continue;
    const std::string path = entry.path().string();
    const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) continue;
    // Whoever writes it holds the lock; who comes for it now waits for ours,
    // and then looks whether the folder is still there.
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) RemoveTree(path).IgnoreError();
    close(fd);
  }
}

CacheFolder::CacheFolder(std::string final_path, int lock_fd)
    : final_path_(std::move(final_path)),
      temporary_path_(TemporaryPath(final_path_)),
      lock_fd_(lock_fd) {}

CacheFolder::CacheFolder(CacheFolder&& other) noexcept
    : final_path_(std::move(other.final_path_)),
      temporary_path_(std::move(other.temporary_path_)),
      lock_fd_(std::exchange(other.lock_fd_, -1)) {}

CacheFolder::~CacheFolder() {
  if (lock_fd_ < 0) return;
  // Nobody is told of a failure: the next owner of the lock empties it.
  RemoveTree(temporary_path_).IgnoreError();
  Unlock();
}

absl::Status CacheFolder::Publish() {
  RETURN_IF_ERROR(SyncFolder(temporary_path_));
  if (rename(temporary_path_.c_str(), final_path_.c_str()) != 0) {
    return ErrnoToStatus(errno, "rename to its final name", temporary_path_);
  }
  Unlock();
  return SyncFolder(std::filesystem::path(final_path_).parent_path().string());
}

void CacheFolder::Unlock() { close(std::exchange(lock_fd_, -1)); }

}  // namespace lockstep
