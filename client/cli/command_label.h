#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_LABEL_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_LABEL_H_

// lockstep jobs label: sets and removes labels.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddLabelCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_LABEL_H_
