#ifndef LOCKSTEP_CLIENT_CLI_COMMAND_LINE_H_
#define LOCKSTEP_CLIENT_CLI_COMMAND_LINE_H_

// The whole command line: flags, verbs, help, and what to say when it does not
// parse.

#include <ostream>

#include "client/cli/exit_status.h"

namespace lockstep::cli {

// Parses and runs one command.
ExitStatus RunCommandLine(int argc, const char* const* argv, std::ostream& out,
                          std::ostream& err);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMMAND_LINE_H_
