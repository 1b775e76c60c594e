#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_WATCH_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_WATCH_H_

// lockstep watch [NAME]: a line for every change of a job, or of all jobs; on a
// terminal with a bar of the steps of the one.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddWatchCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_WATCH_H_
