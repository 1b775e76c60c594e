#ifndef LOCKSTEP_TESTS_ACCEPTANCE_FOLDER_WATCH_H_
#define LOCKSTEP_TESTS_ACCEPTANCE_FOLDER_WATCH_H_

// Tells, within microseconds, that another process has opened or made
// something in a folder: the moment at which a test wants to kill it.

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lockstep::testing {

class FolderWatch {
 public:
  enum class For { kOpened, kMade };

  // Of what happens directly in the folder from now on.
  FolderWatch(const std::string& folder, For what);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  // Until it happens to an entry whose name has `part` in it; false after
  // `timeout`.
  bool WaitFor(absl::string_view part,
               absl::Duration timeout = absl::Seconds(60));

 private:
  const int fd_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_ACCEPTANCE_FOLDER_WATCH_H_
