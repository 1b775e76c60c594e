#ifndef LOCKSTEP_WORKER_SUPERVISE_RANK_PROGRAM_H_
#define LOCKSTEP_WORKER_SUPERVISE_RANK_PROGRAM_H_

// lockstep-rank, which lies beside lockstep-worker: the subcommands that
// compute, and the only program that loads LibTorch, which takes longer than
// all that the others do (docs/adr). Supervisors start it for each rank, and
// lockstep-worker becomes it when a user asks for one of its subcommands.

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lockstep {

// Its path, whether it is there or not. NOT_FOUND and so on: where this program
// lies cannot be read from `self`.
absl::StatusOr<std::string> RankProgramPath(
    const std::string& self = "/proc/self/exe");

// This process goes on as `program` with these arguments, argv[0] among them.
// Returns only when it cannot: NOT_FOUND, PERMISSION_DENIED and so on name the
// program.
absl::Status BecomeProgram(const std::string& program, const char* const* argv);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_RANK_PROGRAM_H_
