#ifndef LOCKSTEP_CLIENT_CLI_PRIVATE_FILE_H_
#define LOCKSTEP_CLIENT_CLI_PRIVATE_FILE_H_

// A file for its owner alone (0600) that appears under its name only when it is
// whole and on disk, and never replaces another. Given up when destroyed before
// that: nothing is left.

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep::cli {

class PrivateFile {
 public:
  // ALREADY_EXISTS when there is something of that name.
  static absl::StatusOr<PrivateFile> Create(const std::string& path);
  ~PrivateFile();
  PrivateFile(PrivateFile&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, {})),
        fd_(std::exchange(other.fd_, -1)) {}
  PrivateFile& operator=(PrivateFile&&) = delete;

  absl::Status Append(absl::string_view bytes);
  absl::Status Commit();

 private:
  PrivateFile(std::string path, std::string temporary, int fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}

  std::string path_;
  std::string temporary_;  // Empty once it has its name.
  int fd_ = -1;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_PRIVATE_FILE_H_
