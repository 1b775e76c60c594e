#ifndef LOCKSTEP_WORKER_PROGRAM_LINE_H_
#define LOCKSTEP_WORKER_PROGRAM_LINE_H_

// What the command lines of lockstep-worker and lockstep-rank have in common:
// to a user they are one program.

#include <functional>
#include <iostream>

#include "CLI/CLI.hpp"

namespace lockstep {

// Lets `add` add the subcommands; then parses, runs the one that is named and
// returns its exit code (proto/contract/exit_code.h).
int RunProgramLine(
    int argc, const char* const* argv, std::ostream& out, std::ostream& err,
    const std::function<void(CLI::App& app, std::function<int()>* run)>& add);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PROGRAM_LINE_H_
