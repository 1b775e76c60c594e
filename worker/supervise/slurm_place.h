#ifndef LOCKSTEP_WORKER_SUPERVISE_SLURM_PLACE_H_
#define LOCKSTEP_WORKER_SUPERVISE_SLURM_PLACE_H_

// Which host of a Slurm job this is, and so which ranks are its: what
// `lockstep-worker supervise --slurm` finds out where a supervisor of the
// coordinator's own host is told it.

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "worker/supervise/supervise_options.h"

namespace lockstep {

// Fills in node, ranks, devices, exit_file and ends_like_ranks, by the
// variables that srun sets. `kind` is cpu or cuda; the device cuda:K is the
// K-th of those that Slurm gave this host. INVALID_ARGUMENT names what is
// missing or no number.
absl::Status PlaceBySlurm(
    const std::string& kind, int ranks_per_node,
    const std::function<std::string(const char* name)>& environment,
    SuperviseOptions* options);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_SLURM_PLACE_H_
