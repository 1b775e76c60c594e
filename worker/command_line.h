#ifndef LOCKSTEP_WORKER_COMMAND_LINE_H_
#define LOCKSTEP_WORKER_COMMAND_LINE_H_

// The command line of lockstep-worker: which subcommands there are, and what is
// said of a line that none of them takes. Called by main, and by tests, whose
// process need not load LibTorch once a line.

#include <iostream>

namespace lockstep {

// Parses, runs the subcommand and returns the exit code
// (proto/contract/exit_code.h). Help and the version go to `out`, usage errors
// to `err`; subcommands write to the standard streams.
int RunCommandLine(int argc, const char* const* argv, std::ostream& out,
                   std::ostream& err);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COMMAND_LINE_H_
