#ifndef LOCKSTEP_SERVER_LAUNCHER_SUBPROCESS_H_
#define LOCKSTEP_SERVER_LAUNCHER_SUBPROCESS_H_

// Starts a program that outlives this one: session of its own, nothing
// inherited but the environment, output to a file.

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lockstep {

struct SubprocessOptions {
  // argv[0] is the path of the program.
  std::vector<std::string> argv;
  std::string working_dir;
  // Appended to; made when missing.
  std::string log_path;
};

// The process is our child and the leader of its session and its group. The
// error names the program.
absl::StatusOr<pid_t> StartSubprocess(const SubprocessOptions& options);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_SUBPROCESS_H_
