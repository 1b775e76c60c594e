#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_CLONE_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_CLONE_H_

// lockstep jobs clone: a new job from the spec of another, with some of it
// changed.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddCloneCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_CLONE_H_
