#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_DIFF_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_DIFF_H_

// lockstep jobs diff A B: what two jobs were told to do differently, and how
// that went.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddDiffCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_DIFF_H_
