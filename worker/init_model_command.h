#ifndef LOCKSTEP_WORKER_INIT_MODEL_COMMAND_H_
#define LOCKSTEP_WORKER_INIT_MODEL_COMMAND_H_

// The command line of `lockstep-worker init-model`.

#include <functional>

#include "CLI/CLI.hpp"

namespace lockstep {

// Adds the subcommand; when it is chosen, parsing sets `run` to what returns
// the exit code.
void AddInitModelCommand(CLI::App& app, std::function<int()>* run);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_INIT_MODEL_COMMAND_H_
