#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_JOBS_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_JOBS_H_

// lockstep jobs list|get|cancel, and the verbs below jobs that have files of
// their own.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddJobsCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_JOBS_H_
