#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_COMPLETION_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_COMPLETION_H_

// lockstep completion SHELL prints a script for the shell, which asks
// `lockstep __complete WORD...` at each tab: so it need not be made anew with a
// release, and knows the coordinator's jobs.

#include <string>
#include <vector>

#include "client/cli/command_context.h"

namespace lockstep::cli {

// The verb that the scripts use; no reader of --help needs it.
inline constexpr char kCompleteVerb[] = "__complete";

void AddCompletionCommand(CLI::App& app, CommandContext& context);

// Prints what may stand in the place of the last of `words`, one a line. A
// coordinator that does not answer at once is left alone.
ExitStatus PrintCompletions(const CLI::App& app, CommandContext& context,
                            const std::vector<std::string>& words);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_COMPLETION_H_
