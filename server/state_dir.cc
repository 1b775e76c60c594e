#include "server/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFolderMode = 0750;
constexpr size_t kTokenBytes = 32;

absl::Status IoError(absl::string_view what, absl::string_view path) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(what, " ", path));
}

absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               absl::StrCat("create ", parent.string()));
  }
  if (mkdir(path.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return IoError("create", path);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadSmallFile(int fd, const std::string& path) {
  char buffer[256];
  const ssize_t got = pread(fd, buffer, sizeof(buffer), 0);
  if (got < 0) return IoError("read", path);
  return std::string(absl::StripAsciiWhitespace(
      absl::string_view(buffer, static_cast<size_t>(got))));
}

absl::Status WriteAndSync(int fd, const std::string& path,
                          const std::string& text) {
  if (ftruncate(fd, 0) != 0 ||
      pwrite(fd, text.data(), text.size(), 0) !=
          static_cast<ssize_t>(text.size()) ||
      fsync(fd) != 0) {
    return IoError("write", path);
  }
  return absl::OkStatus();
}

// Complete before it has its name: a crash leaves no empty token.
absl::StatusOr<std::string> MakeToken(const std::string& path) {
  std::string bytes(kTokenBytes, '\0');
  if (getrandom(bytes.data(), bytes.size(), 0) !=
      static_cast<ssize_t>(bytes.size())) {
    return IoError("random bytes for", path);
  }
  std::string token = absl::BytesToHexString(bytes);
  const std::string temporary = path + ".new";
  unlink(temporary.c_str());
  const int fd =
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return IoError("create", temporary);
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  RETURN_IF_ERROR(WriteAndSync(fd, temporary, token + "\n"));
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return IoError("rename to", path);
  }
  return token;
}

}  // namespace

absl::StatusOr<StateDir> StateDir::Open(const std::string& path) {
  RETURN_IF_ERROR(MakeFolder(path));
  // The folder itself may be older, and open to all.
  RETURN_IF_ERROR(MakeFolder(path + "/jobs"));
  RETURN_IF_ERROR(MakeFolder(path + "/cache"));
  const std::string lock = path + "/lockstepd.lock";
  const int fd = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return IoError("open", lock);
  StateDir state(path, fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return IoError("lock", lock);
    return absl::UnavailableError(
        absl::StrCat("the state folder ", path, " is in use by lockstepd ",
                     ReadSmallFile(fd, lock).value_or("")));
  }
  RETURN_IF_ERROR(WriteAndSync(fd, lock, absl::StrCat(getpid(), "\n")));
  return state;
}

StateDir::~StateDir() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

absl::StatusOr<std::string> StateDir::AdminToken() const {
  const std::string path = path_ + "/admin.token";
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return MakeToken(path);
  if (fd < 0) return IoError("open", path);
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  struct stat info {};
  if (fstat(fd, &info) != 0) return IoError("look at", path);
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the token file ", path,
        " may be read by others; remove it for a new token, or chmod 600"));
  }
  ASSIGN_OR_RETURN(std::string token, ReadSmallFile(fd, path));
  if (token.size() < kTokenBytes) {
    return absl::FailedPreconditionError(
        absl::StrCat("the token file ", path, " holds ", token.size(),
                     " characters, too few for a token; remove it for a new "
                     "one"));
  }
  return token;
}

}  // namespace lockstep
