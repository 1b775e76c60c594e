#ifndef LOCKSTEP_CLIENT_CLI_NUMBERED_NAME_H_
#define LOCKSTEP_CLIENT_CLI_NUMBERED_NAME_H_

// How `jobs retry` and `jobs clone` name what they make, each with a mark of
// its own: the first retry of "demo" is "demo-r2", the next one "demo-r3"; a
// retry of "demo-r2" is "demo-r3" as well.

#include <string>

#include "absl/strings/string_view.h"

namespace lockstep::cli {

struct NumberedName {
  // "demo" and 2 for "demo-r2"; 1 for a name that has no number.
  std::string base;
  int number = 1;
};

// `mark` is "-r", say.
NumberedName ParseNumberedName(absl::string_view name, absl::string_view mark);

// "demo-r3"; the base is cut so that the name is still an id of a job.
std::string NumberedNameOf(const std::string& base, absl::string_view mark,
                           int number);

// The folder beside `output_dir` for the job of that name: its own suffix
// instead of that of the job before.
std::string NumberedFolder(absl::string_view output_dir, absl::string_view mark,
                           int number);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_NUMBERED_NAME_H_
