#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_SET_PRIORITY_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_SET_PRIORITY_H_

// lockstep jobs set-priority: whom a waiting job goes before.

#include <string>

#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddSetPriorityCommand(CLI::App& app, CommandContext& context);

// A priority by its name: an argument of this command, a flag of submit.
CLI::Option* AddPriorityOption(CLI::App& app, const std::string& name,
                               v1::ResourceSpec::Priority& priority,
                               const std::string& what);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_SET_PRIORITY_H_
