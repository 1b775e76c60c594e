#ifndef LOCKSTEP_WORKER_TRAIN_TRAINER_H_
#define LOCKSTEP_WORKER_TRAIN_TRAINER_H_

// The loop. Everything it works with is built before and handed in
// (training_run.h); it owns only where the run is.
//
// All ranks run the same loop and decide everything from sums that are the same
// on all, so that they evaluate, save and stop at the same step.

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/data/data_loader.h"
#include "worker/model/model_weights.h"
#include "worker/model/transformer.h"
#include "worker/optim/clip.h"
#include "worker/optim/lr_schedule.h"
#include "worker/optim/optimizer.h"
#include "worker/train/checkpoint_saver.h"
#include "worker/train/data_parallel.h"
#include "worker/train/evaluator.h"
#include "worker/train/progress.h"
#include "worker/train/step_sums.h"
#include "worker/train/time_spans.h"
#include "worker/train/training_log.h"

namespace lockstep {

struct TrainerOptions {
  // Optimizer steps of the run.
  int64_t steps = 0;
  // Micro-batches an optimizer step.
  int64_t accumulation = 1;
  // 0 turns clipping off.
  double max_grad_norm = 1.0;
  // Steps between evaluations; 0: only at the end.
  int64_t eval_steps = 0;
  // Steps between checkpoints; 0: only at the end.
  int64_t save_steps = 0;
  // Evaluations in a row without a better loss that end the run; 0: none do.
  int64_t early_stopping_patience = 0;
};

// All are borrowed.
struct TrainerParts {
  DataLoader& loader;
  ModelWeights& weights;
  Transformer& transformer;
  Optimizer& optimizer;
  const LrSchedule& schedule;
  DataParallel& data_parallel;
  // Null when there is no evaluation set.
  Evaluator* evaluator = nullptr;
  CheckpointSaver& saver;
  TrainingLog& log;
  Progress& progress;
  TimeSpans& spans;
  // Set by SIGTERM: write a checkpoint, then stop.
  const std::atomic<bool>& stop_requested;
};

class Trainer {
 public:
  enum class End {
    // All steps are done, or more would not make it better.
    kFinished,
    // Stopped before, because somebody asked.
    kStopped,
  };

  Trainer(const TrainerOptions& options, const TrainerParts& parts)
      : options_(options),
        parts_(parts),
        gradient_norm_(parts.weights.parameters()->gradients()) {}

  // Trains from `step` steps done to the end. Errors carry their cause
  // (rank_end.h); NOT_FINITE: the loss or the gradients are, and neither an
  // update nor a checkpoint was made of them.
  absl::StatusOr<End> Train(int64_t step);

  // Optimizer steps done.
  int64_t step() const { return step_; }

 private:
  absl::StatusOr<StepSums> Accumulate();
  void HeedCommands(StepSums* sums) const;
  absl::StatusOr<StepFigures> Update(const StepSums& sums);
  absl::Status EvaluateIfDue();
  // Whether the checkpoint that a stop was to leave is written, if one was.
  absl::StatusOr<bool> IsSavedIfAsked(const StepSums& all);
  absl::Status SaveIfDue(bool asked);
  bool StopsEarly() const;
  void TellEarlyStop() const;
  bool finished() const { return step_ == options_.steps || StopsEarly(); }

  const TrainerOptions options_;
  const TrainerParts parts_;
  const GlobalNorm gradient_norm_;
  int64_t step_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_TRAINER_H_
