#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_VERSION_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_VERSION_H_

// lockstep version.

#include <string>

#include "client/cli/command_context.h"

namespace lockstep::cli {

// What --version prints, too.
std::string VersionLine();

void AddVersionCommand(CLI::App& app, CommandContext& context);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_VERSION_H_
