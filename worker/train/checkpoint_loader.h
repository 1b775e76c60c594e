#ifndef LOCKSTEP_WORKER_TRAIN_CHECKPOINT_LOADER_H_
#define LOCKSTEP_WORKER_TRAIN_CHECKPOINT_LOADER_H_

// Brings a run back to where checkpoint_saver.h left it. Rank 0 reads
// (worker/io/checkpoint.h); what it read goes to the other ranks through the
// communicator, so that all start from the same state whatever each of them
// sees of the disk.
//
// Used by the trainer's thread. All ranks call the same functions.

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "worker/io/checkpoint.h"
#include "worker/io/checkpoint_state.h"
#include "worker/train/checkpoint_options.h"
#include "worker/train/training_log.h"

namespace lockstep {

// Where a run begins.
struct RestoredRun {
  // Optimizer steps done.
  int64_t step = 0;
  // Set when that is where another job was: its state, in its own steps.
  std::optional<CheckpointState> origin;
  // On rank 0: steps of what is listed and belongs to this run, the restored
  // one and those before it.
  std::set<int64_t> kept;
};

class CheckpointLoader {
 public:
  CheckpointLoader(const CheckpointOptions& options,
                   const CheckpointParts& parts)
      : options_(options), parts_(parts) {}

  // Restores the newest of `listed` (all of the job, newest first) that
  // verifies, on all ranks; without one the origin, and without that nothing.
  // One of its own that does not verify is skipped with an event that says why.
  // What attempts before this one left in the folder and is not listed is
  // removed. INPUT_CHANGED: what it was trained on or how is not what this
  // attempt has, or the origin does not verify; the message says what differs.
  absl::StatusOr<RestoredRun> Restore(const std::vector<v1::Checkpoint>& listed,
                                      TrainingLog* log);

  // On rank 0: replaces the weights by those of the checkpoint of `step`, which
  // this job has written; the rest of its state stays. For the result.
  absl::Status LoadWeights(int64_t step);

 private:
  std::optional<Checkpoint> FindNewest(
      const std::vector<v1::Checkpoint>& listed, std::set<int64_t>* kept);
  absl::StatusOr<std::optional<Checkpoint>> OpenOrigin() const;
  absl::Status CheckIdentity(const CheckpointState& state, bool inexact);
  absl::Status ReadTensors(const Checkpoint& checkpoint);
  absl::Status ReadWeights(const Checkpoint& checkpoint);
  void RemoveLeftovers(const std::vector<v1::Checkpoint>& listed);

  const CheckpointOptions options_;
  const CheckpointParts parts_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_CHECKPOINT_LOADER_H_
