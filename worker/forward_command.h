#ifndef LOCKSTEP_WORKER_FORWARD_COMMAND_H_
#define LOCKSTEP_WORKER_FORWARD_COMMAND_H_

// The command line of `lockstep-worker forward`, for people who compare our
// logits with another program's.

#include <functional>

#include "CLI/CLI.hpp"

namespace lockstep {

// Adds the subcommand; when it is chosen, parsing sets `run` to what returns
// the exit code.
void AddForwardCommand(CLI::App& app, std::function<int()>* run);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_FORWARD_COMMAND_H_
