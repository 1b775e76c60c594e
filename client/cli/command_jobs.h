#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_JOBS_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_JOBS_H_

// lockstep jobs list|get|cancel.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddJobsCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_JOBS_H_
