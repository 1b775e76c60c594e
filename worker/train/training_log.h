#ifndef LOCKSTEP_WORKER_TRAIN_TRAINING_LOG_H_
#define LOCKSTEP_WORKER_TRAIN_TRAINING_LOG_H_

// What is said of a run: metric points and progress for the coordinator,
// scalars for TensorBoard, rows for trainer_state.json, lines for the rank's
// log. As in the Hugging Face
// Trainer an entry covers the steps since the one before: the loss is the mean
// of their losses, grad_norm and learning_rate are the newest.
//
// Every rank keeps one, for the sums are the same on all; only rank 0's has
// somebody to tell. Used by the trainer's thread.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "worker/io/checkpoint_state.h"
#include "worker/io/tensorboard.h"
#include "worker/io/trainer_state.h"
#include "worker/train/best_evaluation.h"
#include "worker/train/gpu_memory.h"
#include "worker/train/model_flops.h"
#include "worker/train/progress.h"
#include "worker/train/step_sums.h"
#include "worker/train/time_spans.h"

namespace lockstep {

struct TrainingLogOptions {
  // Whether this is rank 0's, which speaks for all. The others' say only where
  // their own time goes.
  bool leads = true;
  // Optimizer steps of the run and of an epoch.
  int64_t steps = 0;
  int64_t steps_per_epoch = 1;
  int64_t logging_steps = 1;
  // Only to be written down.
  int64_t eval_steps = 0;
  int64_t save_steps = 0;
  int64_t per_device_train_batch_size = 1;
  int64_t num_train_epochs = 1;
  std::string output_dir;
  // Of BestEvaluation.
  double early_stopping_threshold = 0;
  // What training costs, and what the GPUs of all ranks can do in a second;
  // nothing when that is not known.
  ModelFlops flops;
  std::optional<double> peak_flops;
};

// Of one optimizer step.
struct StepFigures {
  // Before clipping.
  double grad_norm = 0;
  double learning_rate = 0;
  // Wall time, without evaluations and checkpoints.
  double seconds = 0;
};

class TrainingLog {
 public:
  // Both may be null: nobody is told; where time goes is not known.
  TrainingLog(const TrainingLogOptions& options, Progress* progress,
              TimeSpans* spans = nullptr)
      : options_(options),
        progress_(progress),
        spans_(spans),
        best_(options.early_stopping_threshold) {}

  // What the GPU of this rank holds; nothing where it is on a CPU.
  using GpuMemoryReader = std::function<std::optional<GpuMemoryTaken>()>;
  // From now on scalars go to `board` too, and what `gpu_memory` reads at each
  // entry.
  void SetBoard(std::unique_ptr<TensorBoardWriter> board,
                GpuMemoryReader gpu_memory) {
    board_ = std::move(board);
    gpu_memory_ = std::move(gpu_memory);
  }
  // The run came to its end, and its result is written.
  void EndBoard();

  // From now on each entry is a line of `lines`, too.
  void SetLines(std::ostream* lines) { lines_ = lines; }

  // Step `step` is done; `sums` are those of all ranks.
  void AddStep(int64_t step, const StepSums& sums, const StepFigures& figures);
  // `batches`: how many each rank went through.
  void AddEvaluation(int64_t step, const StepSums& sums, int64_t batches,
                     double seconds);
  // Training has stopped at `step`: what no entry has told is told, such as the
  // wait for the last checkpoint.
  void AddRest(int64_t step);
  // The last row of trainer_state.json: figures of the whole run.
  void AddSummary(int64_t step);

  // Mean loss of the newest entry, and of the newest evaluation.
  double loss() const { return loss_; }
  std::optional<double> eval_loss() const { return eval_loss_; }
  const BestEvaluation& best() const { return best_; }
  // A checkpoint is about to be written.
  void MarkSaved(int64_t step) { best_.MarkSaved(step); }
  // It was not written after all.
  void UnmarkSaved() { best_.UnmarkSaved(); }

  // What a checkpoint keeps of it: position.averages and the counts of what
  // was seen, and the rows.
  void Save(TrainerPosition* position) const;
  TrainerState ToTrainerState(int64_t step) const;
  void Restore(const TrainerPosition& position, const TrainerState& history);
  // Of another job's run, which this one goes on from: what was seen so far.
  void RestoreCounts(const TrainerPosition& position);

 private:
  // The steps since the newest entry.
  struct Window {
    int64_t steps = 0;
    // Steps that had a loss term, and the sum of their losses.
    int64_t steps_with_loss = 0;
    double loss_sum = 0;
    int64_t trained_tokens = 0;
    int64_t correct = 0;
    int64_t tokens = 0;
    int64_t samples = 0;
    int64_t squared_lengths = 0;
    double seconds = 0;
  };

  double Epoch(int64_t step) const;
  void AddEntry(int64_t step, const StepFigures& figures);
  // Where the time of this rank went, a step; adds it to both. Returns the
  // spans.
  TakenSpans AddTimes(std::map<std::string, double>& point,
                      std::map<std::string, double>& scalars);
  void AddRow(int64_t step, std::map<std::string, double> values);
  void AddGpuMemory(std::map<std::string, double>& scalars) const;
  // A curve is not worth a run: what cannot be written ends the board alone.
  void CheckBoard(const absl::Status& status);
  void Tell(int64_t step, const std::map<std::string, double>& point,
            const std::map<std::string, double>& scalars,
            TakenSpans spans = {});
  void WriteLine(int64_t step, const std::map<std::string, double>& point);
  void TellProgress(int64_t step);

  const TrainingLogOptions options_;
  Progress* const progress_;
  TimeSpans* const spans_;
  std::unique_ptr<TensorBoardWriter> board_;
  GpuMemoryReader gpu_memory_;
  std::ostream* lines_ = nullptr;

  Window window_;
  // Since times were taken last.
  int64_t untimed_steps_ = 0;
  // Of the whole run.
  int64_t tokens_seen_ = 0;
  int64_t trained_tokens_seen_ = 0;
  int64_t samples_seen_ = 0;
  int64_t steps_with_loss_ = 0;
  double loss_sum_ = 0;
  double seconds_ = 0;
  // Newest values.
  double loss_ = 0;
  std::optional<double> first_loss_;
  std::optional<double> eval_loss_;
  double tokens_per_second_ = 0;
  std::optional<double> mfu_;
  StepFigures figures_;
  LogHistory rows_;
  BestEvaluation best_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_TRAINING_LOG_H_
