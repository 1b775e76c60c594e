#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_CHECKPOINTS_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_CHECKPOINTS_H_

// lockstep checkpoints list|export NAME.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddCheckpointsCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_CHECKPOINTS_H_
