#ifndef LOCKSTEP_WORKER_RANK_COMMAND_LINE_H_
#define LOCKSTEP_WORKER_RANK_COMMAND_LINE_H_

// The command line of lockstep-rank: the subcommands of lockstep-worker that
// compute (worker/computing_commands.h). Called by main, and by tests, whose
// process need not load LibTorch once a line.

#include <iostream>

namespace lockstep {

// As RunCommandLine (worker/command_line.h).
int RunRankCommandLine(int argc, const char* const* argv, std::ostream& out,
                       std::ostream& err);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_RANK_COMMAND_LINE_H_
