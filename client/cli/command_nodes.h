#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_NODES_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_NODES_H_

// lockstep nodes list: what the coordinator runs jobs on.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddNodesCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_NODES_H_
