#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_TRANSITION_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_TRANSITION_H_

// lockstep jobs cancel|pause|resume: where a user wants jobs to go.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddTransitionCommands(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_TRANSITION_H_
