#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_RETRY_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_RETRY_H_

// lockstep jobs retry: a new job from the spec of one that has ended.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddRetryCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_RETRY_H_
