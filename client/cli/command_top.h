#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_TOP_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_TOP_H_

// lockstep top [NAME]: all jobs and devices on one screen, kept fresh.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddTopCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_TOP_H_
