#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_TRACE_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_TRACE_H_

// lockstep trace NAME --steps 100-110: what each rank did, for Perfetto.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddTraceCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_TRACE_H_
