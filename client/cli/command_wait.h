#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_WAIT_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_WAIT_H_

// lockstep wait NAME: returns when the job has ended, with its exit status.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddWaitCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_WAIT_H_
