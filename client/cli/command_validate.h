#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_VALIDATE_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_VALIDATE_H_

// lockstep validate FILE: checks a job file; asks no coordinator.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddValidateCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_VALIDATE_H_
