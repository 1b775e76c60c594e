#ifndef LOCKSTEP_WORKER_TRAIN_COMMAND_H_
#define LOCKSTEP_WORKER_TRAIN_COMMAND_H_

// `lockstep-worker train`, as a subcommand: one rank. Supervisors run it.

#include <functional>

#include "CLI/CLI.hpp"

namespace lockstep {

// Adds the subcommand; when the command line names it, `*run` becomes what is
// to be run and returns the exit code.
void AddTrainCommand(CLI::App& app, std::function<int()>* run);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_COMMAND_H_
