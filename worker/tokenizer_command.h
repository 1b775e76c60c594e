#ifndef LOCKSTEP_WORKER_TOKENIZER_COMMAND_H_
#define LOCKSTEP_WORKER_TOKENIZER_COMMAND_H_

// The command lines of `lockstep-worker tokenizer train|encode|decode`; the
// latter two are what `lockstep tokenizer` runs.

#include <functional>

#include "CLI/CLI.hpp"

namespace lockstep {

// Adds the subcommand; when it is chosen, parsing sets `run` to what returns
// the exit code.
void AddTokenizerCommand(CLI::App& app, std::function<int()>* run);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TOKENIZER_COMMAND_H_
