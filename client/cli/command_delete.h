#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_DELETE_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_DELETE_H_

// lockstep jobs delete: forgets jobs that have ended.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddDeleteCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_DELETE_H_
