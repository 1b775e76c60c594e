#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_CONTEXTS_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_CONTEXTS_H_

// lockstep context list|use|set|delete: coordinators by name, in the user's
// config file.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddContextsCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_CONTEXTS_H_
