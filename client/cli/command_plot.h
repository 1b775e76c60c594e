#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_PLOT_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_PLOT_H_

// lockstep plot NAME: a metric over the steps, drawn in the terminal.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddPlotCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_PLOT_H_
