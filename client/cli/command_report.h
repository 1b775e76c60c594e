#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_REPORT_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_REPORT_H_

// lockstep report.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddReportCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_REPORT_H_
