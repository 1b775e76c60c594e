#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_QUEUES_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_QUEUES_H_

// lockstep queues: quotas of devices that jobs share; and jobs set-queue.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddQueuesCommand(CLI::App& app, CommandContext& context);
void AddSetQueueCommand(CLI::App& jobs, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_QUEUES_H_
