#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_SUBMIT_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_SUBMIT_H_

// lockstep submit FILE: hands a job to the coordinator, and on request follows
// it to its end.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddSubmitCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_SUBMIT_H_
