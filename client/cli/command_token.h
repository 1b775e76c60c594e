#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_TOKEN_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_TOKEN_H_

// lockstep token create: a token for somebody, and its line for the file of
// lockstepd --tokens. It calls nobody.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddTokenCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_TOKEN_H_
