#include "server/service/find_checkpoint.h"

#include <utility>
#include <vector>

#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"

namespace lockstep {

absl::StatusOr<v1::Checkpoint> FindCheckpoint(const JobStore& store,
                                              const CheckpointRef& ref) {
  ASSIGN_OR_RETURN(std::vector<v1::Checkpoint> checkpoints,
                   store.ListCheckpoints(ref.job));
  for (v1::Checkpoint& checkpoint : checkpoints) {
    if (checkpoint.step() == ref.step) return std::move(checkpoint);
  }
  return errors::CheckpointNotFound(
      CheckpointName(*JobIdFromName(ref.job), ref.step));
}

}  // namespace lockstep
