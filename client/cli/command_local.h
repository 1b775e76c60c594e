#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_LOCAL_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_LOCAL_H_

// `lockstep dataset ...` and `lockstep tokenizer ...`: work on files of this
// host, by lockstep-worker. This program opens none of them.

#include "CLI/CLI.hpp"
#include "client/cli/command_context.h"

namespace lockstep::cli {

void AddLocalCommands(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_LOCAL_H_
