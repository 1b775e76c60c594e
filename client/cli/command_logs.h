#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_LOGS_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_LOGS_H_

// lockstep logs NAME: what a rank, or prepare, has written.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddLogsCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_LOGS_H_
