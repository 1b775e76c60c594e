#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_EXPLAIN_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_EXPLAIN_H_

// lockstep explain: why a job is where it is.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddExplainCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_EXPLAIN_H_
