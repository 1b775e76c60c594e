#ifndef LOCKSTEP_WORKER_DATASET_COMMAND_H_
#define LOCKSTEP_WORKER_DATASET_COMMAND_H_

// The command lines of `lockstep-worker dataset check|stats|preview|tokenize`,
// which `lockstep dataset` runs. What they print is for people, or JSON.

#include <functional>

#include "CLI/CLI.hpp"

namespace lockstep {

// Adds the subcommand; when it is chosen, parsing sets `run` to what returns
// the exit code.
void AddDatasetCommand(CLI::App& app, std::function<int()>* run);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_DATASET_COMMAND_H_
