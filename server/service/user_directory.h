#ifndef LOCKSTEP_SERVER_SERVICE_USER_DIRECTORY_H_
#define LOCKSTEP_SERVER_SERVICE_USER_DIRECTORY_H_

// The users of the token file (token_file.h), as it is now: it is looked at
// with each call, and read again when it is another one. When it cannot be read
// any more, or is wrong, what it said before holds on, and the log says so.
//
// Thread-safe.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/service/principal.h"
#include "server/service/token_file.h"

namespace lockstep {

class UserDirectory {
 public:
  // With an empty path there are no users. The error names file and line.
  static absl::StatusOr<std::unique_ptr<UserDirectory>> Open(
      const std::string& path);

  // UNAUTHENTICATED: TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED.
  absl::StatusOr<Principal> FindToken(absl::string_view token, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Whom a client certificate names; one that no line names is a user.
  // UNAUTHENTICATED: CERTIFICATE_NAME_INVALID, CERTIFICATE_REVOKED.
  absl::StatusOr<Principal> FindCertificate(absl::string_view name)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What a file looks like from the outside; another one when it was changed.
  struct Stamp {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t size = -1;  // -1: there is none.
    int64_t changed_nanos = 0;

    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  explicit UserDirectory(std::string path) : path_(std::move(path)) {}

  static Stamp StampOf(const std::string& path);
  absl::Status Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReadIfChanged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string path_;
  absl::Mutex mu_;
  Stamp stamp_ ABSL_GUARDED_BY(mu_);
  std::vector<UserEntry> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_USER_DIRECTORY_H_
