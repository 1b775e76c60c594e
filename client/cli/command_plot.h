#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_PLOT_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_PLOT_H_

// lockstep plot NAME[,NAME...]: metrics over the steps, drawn in the terminal,
// once or as the points come.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddPlotCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_PLOT_H_
