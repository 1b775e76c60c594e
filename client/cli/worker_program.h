#ifndef LOCKSTEP_CLIENT_CLI_WORKER_PROGRAM_H_
#define LOCKSTEP_CLIENT_CLI_WORKER_PROGRAM_H_

// lockstep-worker, for work on files of this host: this program opens none of
// them.

#include <string>
#include <vector>

#include "client/cli/command_context.h"

namespace lockstep::cli {

// Runs it to its end. What it prints goes out as it is, so an error of its own
// has been told. kUsage: it was called wrongly.
ExitStatus RunWorkerProgram(const CommandContext& context,
                            std::vector<std::string> words);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_WORKER_PROGRAM_H_
