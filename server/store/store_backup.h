#ifndef LOCKSTEP_SERVER_STORE_STORE_BACKUP_H_
#define LOCKSTEP_SERVER_STORE_STORE_BACKUP_H_

// A copy of the store's file while it is in use. The service that streams it to
// a client is the one caller; tests put a fake here.

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lockstep {

class StoreBackup {
 public:
  // A copy under way. It is given up when destroyed before it is whole; the
  // file is the caller's to remove.
  class Copy {
   public:
    virtual ~Copy() = default;
    // Copies a piece, some milliseconds of work; true when the file is whole.
    // What is committed between two pieces is in the copy too.
    virtual absl::StatusOr<bool> Step() = 0;
  };

  virtual ~StoreBackup() = default;

  // To `path`, which must be an empty file or none. Thread-safe.
  virtual absl::StatusOr<std::unique_ptr<Copy>> Start(
      const std::string& path) = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_STORE_BACKUP_H_
