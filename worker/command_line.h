#ifndef LOCKSTEP_WORKER_COMMAND_LINE_H_
#define LOCKSTEP_WORKER_COMMAND_LINE_H_

// The command line of lockstep-worker: which subcommands there are, and what is
// said of a line that none of them takes. Those that compute it leaves to
// lockstep-rank (worker/supervise/rank_program.h). Called by main and by tests.

#include <iostream>
#include <string>

#include "absl/status/statusor.h"

namespace lockstep {

// Parses, runs the subcommand and returns the exit code
// (proto/contract/exit_code.h). Help and the version go to `out`, usage errors
// to `err`; subcommands write to the standard streams. With a subcommand that
// computes this process becomes `rank_program`; without one that fails.
int RunCommandLine(int argc, const char* const* argv,
                   const absl::StatusOr<std::string>& rank_program,
                   std::ostream& out, std::ostream& err);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COMMAND_LINE_H_
