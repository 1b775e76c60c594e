#ifndef LOCKSTEP_CLIENT_CLI_RETRY_NAME_H_
#define LOCKSTEP_CLIENT_CLI_RETRY_NAME_H_

// How `jobs retry` names what it makes: the first retry of "demo" is "demo-r2",
// the next one "demo-r3"; a retry of "demo-r2" is "demo-r3" as well.

#include <string>

#include "absl/strings/string_view.h"

namespace lockstep::cli {

struct RetryName {
  // "demo" and 2 for "demo-r2"; 1 for a name that is no retry's.
  std::string base;
  int number = 1;
};

RetryName ParseRetryName(absl::string_view name);

// "demo-r3"; the base is cut so that the name is still an id of a job.
std::string RetryNameOf(const std::string& base, int number);

// The folder beside `output_dir` for the job of that name: its own suffix
// instead of that of the job before.
std::string RetryFolder(absl::string_view output_dir, int number);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_RETRY_NAME_H_
