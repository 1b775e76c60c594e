#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_EVENTS_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_EVENTS_H_

// lockstep events: what happened, and with -f what happens.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddEventsCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_EVENTS_H_
