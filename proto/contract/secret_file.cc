#include "proto/contract/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

constexpr off_t kLargestSecretFile = 1 << 20;

absl::Status SecretIoError(absl::string_view what, const std::string& path) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(what, " ", path));
}

absl::Status CheckSecretFile(const struct stat& info, const std::string& path) {
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not a regular file"));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " has mode ", absl::StrFormat("%04o", info.st_mode & 07777),
        " and may be read by others; chmod 600 it"));
  }
  if (info.st_size > kLargestSecretFile) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " has ", info.st_size, " bytes; at most ",
                     kLargestSecretFile, " are read"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadWhole(int fd, const std::string& path) {
  std::string content;
  char buffer[4096];
  while (true) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SecretIoError("read", path);
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > static_cast<size_t>(kLargestSecretFile)) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, " grows while it is read"));
    }
  }
}

}  // namespace

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  // A FIFO would wait for a writer.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return SecretIoError("open", path);
  const auto closer = absl::MakeCleanup([fd] { close(fd); });
  struct stat info {};
  if (fstat(fd, &info) != 0) return SecretIoError("look at", path);
  RETURN_IF_ERROR(CheckSecretFile(info, path));
  return ReadWhole(fd, path);
}

}  // namespace lockstep
