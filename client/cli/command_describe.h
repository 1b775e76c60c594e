#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_DESCRIBE_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_DESCRIBE_H_

// lockstep jobs describe: all that is known of a job, on one page.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddDescribeCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_DESCRIBE_H_
