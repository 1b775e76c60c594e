#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_SERVER_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_SERVER_H_

// lockstep server status|config|backup.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddServerCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_SERVER_H_
