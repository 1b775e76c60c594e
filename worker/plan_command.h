#ifndef LOCKSTEP_WORKER_PLAN_COMMAND_H_
#define LOCKSTEP_WORKER_PLAN_COMMAND_H_

// The command line of `lockstep-worker plan`, which `lockstep plan` runs: what
// memory a rank of a job will take, and what fits. Reads config.json and
// nothing else of the model.

#include <functional>

#include "CLI/CLI.hpp"

namespace lockstep {

// Adds the subcommand; when it is chosen, parsing sets `run` to what returns
// the exit code.
void AddPlanCommand(CLI::App& app, std::function<int()>* run);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PLAN_COMMAND_H_
