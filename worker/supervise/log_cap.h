#ifndef LOCKSTEP_WORKER_SUPERVISE_LOG_CAP_H_
#define LOCKSTEP_WORKER_SUPERVISE_LOG_CAP_H_

// Keeps a log that somebody else appends to from filling the disk: when it
// takes too much room, the room of its middle is given back to the file system.
// Its beginning and its newest part stay where they are, so whoever reads goes
// on by the same offsets, and whoever writes is never held up. Not thread-safe.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace lockstep {

class LogCap {
 public:
  struct Limits {
    // Room on disk that is too much,
    int64_t most = 64 << 20;
    // what stays of the beginning, where a program says what it is about to do,
    int64_t head = 16 << 20;
    // and of the end.
    int64_t tail = 32 << 20;
  };

  LogCap(std::string path, Limits limits);

  // Looks, and makes room if need be. UNIMPLEMENTED where the file system has
  // no files with holes: then the log grows. A log that is not there is fine.
  absl::Status Trim();

  const std::string& path() const { return path_; }
  // How soon to look again: sooner while the log grows fast.
  absl::Duration interval() const { return interval_; }

 private:
  absl::Status TrimOpen(int fd);

  std::string path_;
  Limits limits_;
  int64_t size_ = 0;
  absl::Duration interval_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_LOG_CAP_H_
