#ifndef LOCKSTEP_SERVER_LAUNCHER_RUN_COMMAND_H_
#define LOCKSTEP_SERVER_LAUNCHER_RUN_COMMAND_H_

// Runs a short program of somebody else's to its end and takes what it prints.
// It gets so long and no longer: a batch system whose controller is away makes
// its clients hang. Called by the Slurm launcher's own thread.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lockstep {

struct CommandOptions {
  // argv[0] is a path, or found in PATH.
  std::vector<std::string> argv;
  absl::Duration timeout = absl::Seconds(20);
  // Variables that begin so are not passed on.
  std::vector<std::string> without = {};
  // NAME=value, beside those that are; `without` names those that they replace.
  std::vector<std::string> with = {};
  // Readable when nobody waits for the result any more; -1 for never.
  int stop_fd = -1;
};

struct CommandResult {
  // 128 + the signal when one ended it.
  int exit_code = 0;
  // The first MiB of each.
  std::string out;
  std::string err;
};

// DEADLINE_EXCEEDED: it was killed, with all that it started; what it has done
// by then is not known. CANCELLED: the same, by stop_fd. Else: it cannot be
// started.
absl::StatusOr<CommandResult> RunCommand(const CommandOptions& options);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_RUN_COMMAND_H_
