#ifndef LOCKSTEP_SERVER_STATE_DIR_H_
#define LOCKSTEP_SERVER_STATE_DIR_H_

// The folder that a coordinator owns while it runs: 0750, locked so that two
// never share one. The lock goes with the process, however that ends, and is
// not inherited by the processes of jobs.

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace lockstep {

class StateDir {
 public:
  // Makes the folder when it is missing. UNAVAILABLE when another process has
  // it, naming folder and process.
  static absl::StatusOr<StateDir> Open(const std::string& path);
  ~StateDir();
  StateDir(StateDir&& other) noexcept
      : path_(std::move(other.path_)),
        lock_fd_(std::exchange(other.lock_fd_, -1)) {}
  StateDir& operator=(StateDir&&) = delete;

  const std::string& path() const { return path_; }
  std::string store_path() const { return path_ + "/lockstep.db"; }
  std::string jobs_dir() const { return path_ + "/jobs"; }
  std::string cache_dir() const { return path_ + "/cache"; }
  std::string webhook_cursor_path() const { return path_ + "/webhook.cursor"; }

  // The token that opens the API over TCP, from the file admin.token (0600);
  // made when there is none. FAILED_PRECONDITION when others may read it.
  absl::StatusOr<std::string> AdminToken() const;

 private:
  StateDir(std::string path, int lock_fd)
      : path_(std::move(path)), lock_fd_(lock_fd) {}

  std::string path_;
  int lock_fd_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STATE_DIR_H_
