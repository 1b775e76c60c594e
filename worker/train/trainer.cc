#include "worker/train/trainer.h"

#include <ATen/ATen.h>

#include <chrono>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "worker/optim/clip.h"
#include "worker/train/micro_batch_view.h"
#include "worker/train/rank_end.h"

namespace lockstep {
namespace {

using Heartbeat = worker::v1::HeartbeatResponse;

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start_ = Clock::now();
};

absl::Status NotFinite(int64_t step, double loss, const StepFigures& figures) {
  return WithCause(
      v1::Attempt::NOT_FINITE,
      absl::InternalError(absl::StrCat(
          "step ", step, ": the loss is ", loss, " and the gradient norm ",
          figures.grad_norm, " at learning rate ", figures.learning_rate,
          "; both must be finite. A lower train.learning_rate or a longer "
          "train.warmup_steps may help")));
}

}  // namespace

absl::StatusOr<Trainer::End> Trainer::Train(int64_t step) {
  step_ = step;
  while (!finished()) {
    parts_.progress.SetPhase(worker::v1::PHASE_TRAINING);
    parts_.spans.Begin(v1::Span::DATA, step_ + 1);
    const Stopwatch stopwatch;
    ASSIGN_OR_RETURN(const StepSums mine, Accumulate());
    parts_.spans.Begin(v1::Span::COMM, step_ + 1);
    ASSIGN_OR_RETURN(const StepSums all, parts_.data_parallel.Reduce(mine));
    parts_.spans.Begin(v1::Span::OPTIMIZER, step_ + 1);
    ASSIGN_OR_RETURN(StepFigures figures, Update(all));
    parts_.spans.End();
    figures.seconds = stopwatch.Seconds();
    parts_.progress.SetStep(step_);
    parts_.log.AddStep(step_, all, figures);
    RETURN_IF_ERROR(EvaluateIfDue());
    RETURN_IF_ERROR(SaveIfDue(/*asked=*/all.checkpoint));
    if (!all.stop || finished()) continue;
    ASSIGN_OR_RETURN(const bool may_stop, IsSavedIfAsked(all));
    if (!may_stop) continue;
    parts_.log.AddRest(step_);
    return End::kStopped;
  }
  parts_.log.AddRest(step_);
  if (StopsEarly() && parts_.data_parallel.rank() == 0) TellEarlyStop();
  return End::kFinished;
}

// What the disk did not take is tried again after the next step: until it is
// there, or whoever asked has waited long enough.
absl::StatusOr<bool> Trainer::IsSavedIfAsked(const StepSums& all) {
  if (!all.checkpoint) return true;
  // Rank 0 alone knows.
  StepSums failed;
  failed.stop = parts_.saver.newest_failed();
  ASSIGN_OR_RETURN(failed, parts_.data_parallel.ReduceSums(failed));
  return !failed.stop;
}

bool Trainer::StopsEarly() const {
  return options_.early_stopping_patience > 0 && step_ < options_.steps &&
         parts_.log.best().since_better() >= options_.early_stopping_patience;
}

void Trainer::TellEarlyStop() const {
  const auto& best = parts_.log.best().best();
  parts_.progress.AddEvent(
      v1::Event::INFO, "EARLY_STOPPED",
      absl::StrCat("training ends at step ", step_, " of ", options_.steps,
                   ": ", parts_.log.best().since_better(),
                   " evaluations in a row were not better",
                   best.has_value()
                       ? absl::StrCat(" than eval_loss ", best->loss,
                                      " of step ", best->step)
                       : ""));
}

absl::StatusOr<StepSums> Trainer::Accumulate() {
  // An attempt that is over must not train on; its peers will notice.
  RETURN_IF_ERROR(parts_.progress.standing());
  const int64_t steps_per_epoch = parts_.loader.steps_per_epoch();
  DataParallel& ranks = parts_.data_parallel;
  TimeSpans& spans = parts_.spans;
  parts_.weights.parameters()->gradients().zero_();
  StepSums sums;
  for (int64_t micro = 0; micro < options_.accumulation; ++micro) {
    if (micro > 0) spans.Begin(v1::Span::DATA, step_ + 1);
    ASSIGN_OR_RETURN(const MicroBatch batch,
                     parts_.loader.Load(step_ / steps_per_epoch,
                                        step_ % steps_per_epoch, micro));
    const int64_t number =
        (step_ * options_.accumulation + micro) * ranks.world_size() +
        ranks.rank();
    // Only the last one's gradients are those of the step.
    const bool last = micro + 1 == options_.accumulation;
    spans.Begin(v1::Span::FORWARD, step_ + 1);
    ASSIGN_OR_RETURN(const StepOutput output,
                     parts_.transformer.ForwardBackward(
                         ViewOf(batch), number, last ? &ranks : nullptr,
                         [&] { spans.Begin(v1::Span::BACKWARD, step_ + 1); }));
    sums += SumsOf(batch, output);
  }
  HeedCommands(&sums);
  return sums;
}

void Trainer::HeedCommands(StepSums* sums) const {
  if (parts_.stop_requested) {
    sums->stop = true;
    sums->checkpoint = true;
  }
  if (parts_.data_parallel.rank() != 0) return;
  const Heartbeat::Command command = parts_.progress.command();
  if (command == Heartbeat::STOP) sums->stop = true;
  if (command == Heartbeat::CHECKPOINT_AND_STOP) {
    sums->stop = true;
    sums->checkpoint = true;
  }
}

absl::StatusOr<StepFigures> Trainer::Update(const StepSums& sums) {
  // Divided once, by the loss terms of all ranks and micro-batches, so that
  // the split of a step does not change it. A step without any changes nothing
  // but the moments.
  const double per_token =
      sums.trained_tokens > 0 ? 1.0 / sums.trained_tokens : 0.0;
  StepFigures figures;
  figures.learning_rate = parts_.schedule.At(step_);
  figures.grad_norm = gradient_norm_.Measure() * per_token;
  if (!std::isfinite(sums.loss_sum) || !std::isfinite(figures.grad_norm)) {
    return NotFinite(step_ + 1, sums.loss_sum * per_token, figures);
  }
  const double clip = ClipFactor(figures.grad_norm, options_.max_grad_norm);
  parts_.optimizer.Step(figures.learning_rate, per_token * clip);
  RETURN_IF_ERROR(parts_.weights.AfterUpdate());
  ++step_;
  return figures;
}

absl::Status Trainer::EvaluateIfDue() {
  const bool due = finished() || (options_.eval_steps > 0 &&
                                  step_ % options_.eval_steps == 0);
  if (parts_.evaluator == nullptr || !due) return absl::OkStatus();
  parts_.progress.SetPhase(worker::v1::PHASE_EVALUATING);
  const Stopwatch stopwatch;
  parts_.spans.Begin(v1::Span::EVALUATE, step_);
  ASSIGN_OR_RETURN(const StepSums sums, parts_.evaluator->Run());
  parts_.spans.End();
  parts_.log.AddEvaluation(step_, sums, parts_.evaluator->batches(),
                           stopwatch.Seconds());
  return absl::OkStatus();
}

absl::Status Trainer::SaveIfDue(bool asked) {
  const bool due =
      asked || finished() ||
      (options_.save_steps > 0 && step_ % options_.save_steps == 0);
  if (!due) return parts_.saver.Poll(&parts_.log);
  parts_.progress.SetPhase(worker::v1::PHASE_SAVING);
  parts_.spans.Begin(v1::Span::CHECKPOINT, step_);
  RETURN_IF_ERROR(parts_.data_parallel.CheckReplicas());
  RETURN_IF_ERROR(parts_.saver.Begin(step_, &parts_.log));
  if (asked || finished()) RETURN_IF_ERROR(parts_.saver.Finish(&parts_.log));
  // Rank 0 alone writes. While it waits for the disk the others wait here, and
  // not in the next step's collective, whose deadline is a shorter one.
  RETURN_IF_ERROR(parts_.data_parallel.Barrier());
  parts_.spans.End();
  return absl::OkStatus();
}

}  // namespace lockstep
