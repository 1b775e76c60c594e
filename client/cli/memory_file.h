#ifndef LOCKSTEP_CLIENT_CLI_MEMORY_FILE_H_
#define LOCKSTEP_CLIENT_CLI_MEMORY_FILE_H_

// A file that is only in memory and that a child process can open: a way to
// hand one more than a command line should hold, which leaves nothing behind.

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep::cli {

class MemoryFile {
 public:
  static absl::StatusOr<MemoryFile> Create(absl::string_view content);
  ~MemoryFile();
  MemoryFile(MemoryFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  MemoryFile& operator=(MemoryFile&&) = delete;

  // Where a child that is started while this lives opens it.
  std::string path() const;

 private:
  explicit MemoryFile(int fd) : fd_(fd) {}

  int fd_ = -1;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_MEMORY_FILE_H_
