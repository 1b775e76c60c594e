#ifndef LOCKSTEP_WORKER_SUPERVISE_RANK_COMMAND_H_
#define LOCKSTEP_WORKER_SUPERVISE_RANK_COMMAND_H_

// The command line of one rank. Pure, so that a golden test can hold it still.

#include <cstddef>
#include <string>
#include <vector>

#include "worker/supervise/supervise_options.h"

namespace lockstep {

// argv of the rank at `index` of options.ranks. Nothing secret is in it: the
// token is named by its file.
std::vector<std::string> RankCommand(const SuperviseOptions& options,
                                     size_t index);

// ATTEMPT_DIR/rank-R.log
std::string RankLogPath(const SuperviseOptions& options, size_t index);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_RANK_COMMAND_H_
