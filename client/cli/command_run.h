#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_RUN_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_RUN_H_

// lockstep run FILE: one job from beginning to end, with a coordinator of its
// own that goes away with it.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddRunCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_RUN_H_
