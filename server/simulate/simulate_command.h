#ifndef LOCKSTEP_SERVER_SIMULATE_SIMULATE_COMMAND_H_
#define LOCKSTEP_SERVER_SIMULATE_SIMULATE_COMMAND_H_

// lockstepd simulate --trace FILE: what the scheduling policy of this release
// makes of a trace, beside first come, first served. Starts no coordinator.

#include <ostream>
#include <string>
#include <vector>

namespace lockstep {

// The arguments behind "simulate". The exit code: 0; 1 for a trace that cannot
// be replayed; 2 for a bad command line.
int RunSimulate(std::vector<std::string> arguments, std::ostream& out,
                std::ostream& err);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SIMULATE_SIMULATE_COMMAND_H_
