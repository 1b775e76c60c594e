#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_PLAN_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_PLAN_H_

// lockstep plan FILE: what memory a rank of a job would take, and what fits;
// asks no coordinator. lockstep-worker, which reads the model's config.json,
// does the work.

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddPlanCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_PLAN_H_
