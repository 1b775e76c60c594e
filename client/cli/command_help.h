#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_HELP_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_HELP_H_

// lockstep help [COMMAND...|exit-codes|environment|man]: as --help, a topic, or
// the manual pages.

#include "client/cli/command_context.h"

namespace lockstep::cli {

// Called last: it knows the commands that are there.
void AddHelpCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_HELP_H_
