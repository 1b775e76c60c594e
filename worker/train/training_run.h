#ifndef LOCKSTEP_WORKER_TRAIN_TRAINING_RUN_H_
#define LOCKSTEP_WORKER_TRAIN_TRAINING_RUN_H_

// All parts of one rank's training, built from the job and owned in order of
// need. worker.cc walks through it: Build, Restore, Train, Save, Leave.
//
// Used by the trainer's thread; all ranks make the same calls.

#include <atomic>
#include <cstdint>
#include <memory>
#include <ostream>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "worker/comm/communicator.h"
#include "worker/coordinator/coordinator.h"
#include "worker/data/data_loader.h"
#include "worker/data/token_cache.h"
#include "worker/memory/memory_plan.h"
#include "worker/model/model_weights.h"
#include "worker/model/transformer.h"
#include "worker/model/transformer_options.h"
#include "worker/optim/lr_schedule.h"
#include "worker/optim/optimizer.h"
#include "worker/train/checkpoint_loader.h"
#include "worker/train/checkpoint_options.h"
#include "worker/train/checkpoint_saver.h"
#include "worker/train/data_parallel.h"
#include "worker/train/evaluator.h"
#include "worker/train/progress.h"
#include "worker/train/run_inputs.h"
#include "worker/train/trainer.h"
#include "worker/train/training_log.h"

namespace lockstep {

// All are borrowed and outlive the run.
struct TrainingContext {
  // Spec with its defaults, plan and checkpoints.
  const worker::v1::JoinResponse& job;
  int attempt = 1;
  Communicator& communicator;
  Coordinator& coordinator;
  Progress& progress;
  // Where this rank trains.
  Placement placement;
  // Set by SIGTERM.
  const std::atomic<bool>& stop_requested;
  // Gets a line for each entry of rank 0; null for nobody.
  std::ostream* lines = nullptr;
  // See CheckpointOptions.
  absl::Duration longest_flush = CheckpointOptions().longest_flush;
};

class TrainingRun {
 public:
  // Loads model and data. INVALID_INPUT: the model cannot be read.
  // GPU_OUT_OF_MEMORY: it would not fit; nothing was loaded.
  // INPUT_CHANGED: the token cache, or a file of the model, is not what the
  // plan was made of.
  static absl::StatusOr<std::unique_ptr<TrainingRun>> Build(
      const TrainingContext& context);

  // Goes to where the job's newest valid checkpoint is, unless the spec says
  // never, or to where the job was that it goes on from; and begins the
  // TensorBoard file. USER_ERROR: it has fewer steps than that.
  absl::Status Restore();

  absl::StatusOr<Trainer::End> Train();

  // Writes the result, after Train has come to the end.
  absl::Status Save();

  // Waits for the other ranks: whoever exits first takes the gang with it, and
  // rank 0 may still be writing.
  absl::Status Leave();

  // Optimizer steps done, once restored.
  int64_t resumed_step() const { return resumed_step_; }
  ModelWeights& weights() { return *weights_; }
  // What this rank's memory is for.
  const MemoryPlan& memory_plan() const { return memory_plan_; }

 private:
  explicit TrainingRun(const TrainingContext& context);

  absl::Status OpenData();
  absl::Status OpenEvaluation();
  // How the model is to be built.
  absl::StatusOr<TransformerOptions> PlanModel();
  absl::Status BuildModel();
  absl::Status BuildCheckpointLoader();
  CheckpointParts PartsOfCheckpoint() const;
  void BuildOptimizer();
  RunIdentity Identity() const;
  absl::Status GoOnFrom(const CheckpointState& origin);
  absl::Status BeginTensorBoard();
  absl::Status LoadBest();
  bool leads() const { return context_.communicator.rank() == 0; }

  const TrainingContext context_;
  const v1::JobSpec& spec_;
  TimeSpans spans_;
  std::unique_ptr<TokenCache> train_cache_;
  std::unique_ptr<DataLoader> train_loader_;
  // Null without an evaluation set.
  std::unique_ptr<TokenCache> eval_cache_;
  std::unique_ptr<DataLoader> eval_loader_;
  MemoryPlan memory_plan_;
  std::unique_ptr<ModelWeights> weights_;
  std::unique_ptr<Transformer> transformer_;
  std::unique_ptr<DataParallel> data_parallel_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<LrSchedule> schedule_;
  std::unique_ptr<Evaluator> evaluator_;
  std::unique_ptr<TrainingLog> log_;
  CheckpointOptions checkpoint_options_;
  std::unique_ptr<CheckpointLoader> checkpoint_loader_;
  std::unique_ptr<CheckpointSaver> checkpoint_saver_;
  // Of rank 0.
  RunInputs inputs_;
  int64_t resumed_step_ = 0;
  // Optimizer steps done when Train ended.
  int64_t last_step_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_TRAINING_RUN_H_
