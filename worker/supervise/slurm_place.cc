#include "worker/supervise/slurm_place.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace lockstep {

absl::Status PlaceBySlurm(
    const std::string& kind, int ranks_per_node,
    const std::function<std::string(const char* name)>& environment,
    SuperviseOptions* options) {
  if (ranks_per_node < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--ranks-per-node ", ranks_per_node, ": --slurm needs at least 1"));
  }
  int host = 0;
  const std::string id = environment("SLURM_NODEID");
  if (!absl::SimpleAtoi(id, &host) || host < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("SLURM_NODEID is \"", id,
                     "\" and not the number of a host from 0; "
                     "--slurm is for what srun starts"));
  }
  options->node = environment("SLURMD_NODENAME");
  if (options->node.empty()) {
    return absl::InvalidArgumentError(
        "SLURMD_NODENAME is not set; --slurm is for what srun starts");
  }
  options->ranks.clear();
  options->devices.clear();
  for (int i = 0; i < ranks_per_node; ++i) {
    options->ranks.push_back(host * ranks_per_node + i);
    options->devices.push_back(absl::StrCat(kind, ":", i));
  }
  options->exit_file = absl::StrCat("exit-", host, ".json");
  options->ends_like_ranks = true;
  // Slurm kills when its GraceTime or KillWait is over, and the coordinator
  // says so when it wants that sooner.
  options->stop_grace = absl::InfiniteDuration();
  return absl::OkStatus();
}

}  // namespace lockstep
