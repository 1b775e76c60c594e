#ifndef LOCKSTEP_WORKER_TRAIN_CHECKPOINTER_H_
#define LOCKSTEP_WORKER_TRAIN_CHECKPOINTER_H_

// Saves a run so that it can go on bitwise, and brings it back. Rank 0 reads
// and writes (worker/io/checkpoint.h); what it read goes to the other ranks
// through the communicator, so that all start from the same state whatever
// each of them sees of the disk.
//
// Used by the trainer's thread. All ranks call the same functions; on the
// others Save returns at once, and they meet rank 0 in the next collective.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "worker/coordinator/coordinator.h"
#include "worker/io/checkpoint.h"
#include "worker/io/checkpoint_state.h"
#include "worker/model/model_weights.h"
#include "worker/optim/optimizer.h"
#include "worker/train/data_parallel.h"
#include "worker/train/progress.h"
#include "worker/train/training_log.h"

namespace lockstep {

struct CheckpointerOptions {
  std::string output_dir;
  int attempt = 1;
  int64_t steps_per_epoch = 1;
  // False: the run begins anew, whatever is listed.
  bool resume = true;
  // Checkpoints that stay; 0: all.
  int save_total_limit = 0;
  // Among them the one with the lowest evaluation loss.
  bool keep_best = false;
  // What a checkpoint must agree with to be resumed from.
  RunIdentity identity;
  // "adapter_model" or "model".
  std::string weights_stem = "model";
  // That make the folder one which Hugging Face loads, by name.
  std::map<std::string, std::string> files;
};

// All are borrowed.
struct CheckpointerParts {
  ModelWeights& weights;
  Optimizer& optimizer;
  DataParallel& data_parallel;
  Coordinator& coordinator;
  Progress& progress;
};

class Checkpointer {
 public:
  Checkpointer(CheckpointerOptions options, const CheckpointerParts& parts)
      : options_(std::move(options)), parts_(parts) {}

  // Restores the newest of `listed` (all of the job, newest first) that
  // verifies, on all ranks, and returns its step; 0 when there is none. One
  // that does not verify is skipped with an event that says why. What attempts
  // before this one left in the folder and is not listed is removed.
  // INPUT_CHANGED: what it was trained on or how is not what this attempt has;
  // the message names what differs.
  absl::StatusOr<int64_t> Restore(const std::vector<v1::Checkpoint>& listed,
                                  TrainingLog* log);

  // On rank 0: replaces the weights by those of the checkpoint of `step`, which
  // this job has written; the rest of its state stays. For the result.
  absl::Status LoadWeights(int64_t step);

  // Writes, publishes and lists the state after `step` steps, and then removes
  // the checkpoints that are too many. When the disk does not take it, the run
  // goes on with the checkpoint before, and an event says so; the third time in
  // a row is an error, STORAGE_FULL.
  absl::Status Save(int64_t step, TrainingLog* log);

  // Whether this attempt may still publish, after `step` steps;
  // FAILED_PRECONDITION, ATTEMPT_SUPERSEDED: it may not.
  absl::Status AskAgain(int64_t step);

 private:
  std::optional<Checkpoint> FindNewest(
      const std::vector<v1::Checkpoint>& listed);
  absl::Status CheckIdentity(const CheckpointState& state);
  absl::Status ReadTensors(const Checkpoint& checkpoint);
  absl::Status ReadWeights(const Checkpoint& checkpoint);
  CheckpointContents Contents(int64_t step, const TrainingLog& log);
  void RemoveLeftovers(const std::vector<v1::Checkpoint>& listed);
  absl::Status Write(int64_t step, const TrainingLog& log);
  absl::Status Endure(int64_t step, const absl::Status& failure);
  absl::Status Prune(const TrainingLog& log);
  absl::Status Call(worker::v1::CommitCheckpointRequest::Phase phase,
                    const CheckpointInfo& info, const TrainingLog& log);
  // The coordinator's own answer.
  absl::Status Ask(worker::v1::CommitCheckpointRequest::Phase phase,
                   int64_t step);

  const CheckpointerOptions options_;
  const CheckpointerParts parts_;
  // Steps of what is listed and belongs to this run: the restored one, those
  // before it and those of this attempt.
  std::set<int64_t> kept_;
  // Saves since the last that was written.
  int failed_saves_ = 0;
  // What Contents() points to.
  std::vector<at::Tensor> host_copies_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_CHECKPOINTER_H_
