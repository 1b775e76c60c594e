#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_METRICS_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_METRICS_H_

// lockstep metrics NAME: all measured points as CSV or JSON lines.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddMetricsCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_METRICS_H_
