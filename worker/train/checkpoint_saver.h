#ifndef LOCKSTEP_WORKER_TRAIN_CHECKPOINT_SAVER_H_
#define LOCKSTEP_WORKER_TRAIN_CHECKPOINT_SAVER_H_

// Saves a run so that it can go on bitwise (checkpoint_loader.h), while it
// trains on: the trainer's thread copies the state to host memory at the
// boundary of a step, and a thread of the saver writes the copy, publishes it
// and removes what is too many. At most one save is under way; the next one
// waits for it. Rank 0 writes (worker/io/checkpoint.h).
//
// Called by the trainer's thread, on all ranks; on the others there is nothing
// to do. A process that dies with a save under way leaves what the writer left
// (worker/io/checkpoint_writer.cc), and the run goes on from the one before.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "lockstep/v1/job.pb.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "worker/io/checkpoint.h"
#include "worker/io/trainer_state.h"
#include "worker/train/checkpoint_options.h"
#include "worker/train/training_log.h"

namespace lockstep {

class CheckpointSaver {
 public:
  // `kept`: see RestoredRun.
  CheckpointSaver(const CheckpointOptions& options,
                  const CheckpointParts& parts, std::set<int64_t> kept);
  // Waits for the save that is under way.
  ~CheckpointSaver();
  CheckpointSaver(const CheckpointSaver&) = delete;
  CheckpointSaver& operator=(const CheckpointSaver&) = delete;

  // Copies the state after `step` steps and begins to write, publish and list
  // it. Errors are those of Finish, of the save before.
  absl::Status Begin(int64_t step, TrainingLog* log);

  // Waits for what was begun, and says what became of it. When the disk did not
  // take it, the run goes on with the checkpoint before, and an event says so;
  // the third time in a row is an error, STORAGE_FULL. NOT_FINITE: a number of
  // the state is not. ATTEMPT_SUPERSEDED: this attempt may not publish.
  absl::Status Finish(TrainingLog* log);

  // Finish, unless that would wait.
  absl::Status Poll(TrainingLog* log);

  // Whether the disk did not take the newest of those that are finished; false
  // on ranks that do not write.
  bool newest_failed() const { return failed_saves_ > 0; }

  // Whether this attempt may still publish, after `step` steps;
  // FAILED_PRECONDITION, ATTEMPT_SUPERSEDED: it may not.
  absl::Status AskAgain(int64_t step);

 private:
  // A state in host memory, and what the log had to say of it.
  struct Snapshot {
    int64_t step = 0;
    CheckpointContents contents;
    // Becomes one of its files.
    TrainerState history;
    double loss = 0;
    std::optional<double> eval_loss;
    // The checkpoint with the lowest evaluation loss.
    std::optional<int64_t> best;
  };
  // A save under way. The thread owns `kept_` and `told_of_points_` until
  // `done`.
  struct Saving {
    Snapshot snapshot;
    absl::Notification done;
    // What became of the checkpoint, and of those that were to go.
    absl::Status written;
    absl::Status pruned;
    std::thread thread;
  };

  Snapshot Copy(int64_t step, const TrainingLog& log);
  at::Tensor CopyToHost(size_t number, const at::Tensor& buffer);
  void Run(Saving& saving);
  void SendPoints(const Snapshot& snapshot);
  absl::Status Write(const Snapshot& snapshot);
  absl::Status Prune(const Snapshot& snapshot);
  absl::Status Endure(int64_t step, const absl::Status& failure);
  absl::Status Call(worker::v1::CommitCheckpointRequest::Phase phase,
                    const CheckpointInfo& info, const Snapshot& snapshot);
  // The coordinator's own answer.
  absl::Status Ask(worker::v1::CommitCheckpointRequest::Phase phase,
                   int64_t step);

  const CheckpointOptions options_;
  const CheckpointParts parts_;
  std::set<int64_t> kept_;
  // That the coordinator does not take points, since it last did.
  bool told_of_points_ = false;
  // Saves since the last that was written.
  int failed_saves_ = 0;
  // Weights and moments of the newest snapshot; they keep their memory.
  std::vector<at::Tensor> host_copies_;
  std::unique_ptr<Saving> saving_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_CHECKPOINT_SAVER_H_
