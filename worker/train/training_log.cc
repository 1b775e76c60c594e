#include "worker/train/training_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/step_parts.h"
#include "worker/io/checkpoint_folders.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

// How long training waited for checkpoints, to both, if it did.
void AddWaits(const TakenSpans& taken, std::map<std::string, double>& point,
              std::map<std::string, double>& scalars) {
  const auto waits = taken.seconds.find(v1::Span::CHECKPOINT);
  if (waits == taken.seconds.end() || waits->second <= 0) return;
  point["checkpoint_seconds"] = waits->second;
  scalars["perf/checkpoint_time_s"] = waits->second;
}

// 0 for no time or no tokens: nothing was done, nothing is claimed.
double Ratio(double amount, double whole) {
  return whole > 0 ? amount / whole : 0;
}

}  // namespace

double TrainingLog::Epoch(int64_t step) const {
  return Ratio(step, options_.steps_per_epoch);
}

void TrainingLog::AddStep(int64_t step, const StepSums& sums,
                          const StepFigures& figures) {
  ++window_.steps;
  ++untimed_steps_;
  window_.trained_tokens += sums.trained_tokens;
  window_.correct += sums.correct;
  window_.tokens += sums.tokens;
  window_.samples += sums.examples;
  window_.squared_lengths += sums.squared_lengths;
  window_.seconds += figures.seconds;
  tokens_seen_ += sums.tokens;
  trained_tokens_seen_ += sums.trained_tokens;
  samples_seen_ += sums.examples;
  seconds_ += figures.seconds;
  figures_ = figures;
  if (sums.trained_tokens > 0) {
    const double loss = sums.loss_sum / sums.trained_tokens;
    ++window_.steps_with_loss;
    window_.loss_sum += loss;
    ++steps_with_loss_;
    loss_sum_ += loss;
  }
  if (step % options_.logging_steps == 0 || step == options_.steps) {
    AddEntry(step, figures);
  }
  TellProgress(step);
}

void TrainingLog::AddEntry(int64_t step, const StepFigures& figures) {
  std::map<std::string, double> times;
  std::map<std::string, double> time_scalars;
  TakenSpans spans = AddTimes(times, time_scalars);
  if (!options_.leads) {
    window_ = Window();
    return Tell(step, times, {}, std::move(spans));
  }
  tokens_per_second_ = Ratio(window_.tokens, window_.seconds);
  const double flops =
      options_.flops.Of(window_.tokens, window_.squared_lengths);
  const double step_seconds = Ratio(window_.seconds, window_.steps);
  const double accuracy = Ratio(window_.correct, window_.trained_tokens);
  std::map<std::string, double> point = {
      {"grad_norm", figures.grad_norm},
      {"learning_rate", figures.learning_rate},
      {"epoch", Epoch(step)},
      {"tokens_per_second", tokens_per_second_},
      {"step_seconds", step_seconds},
      {"tokens", static_cast<double>(window_.tokens)}};
  std::map<std::string, double> scalars = {
      {"train/grad_norm", figures.grad_norm},
      {"train/learning_rate", figures.learning_rate},
      {"train/epoch", Epoch(step)},
      {"train/tokens_per_second", tokens_per_second_},
      {"perf/step_time_s", step_seconds}};
  std::map<std::string, double> row = {
      {"grad_norm", figures.grad_norm},
      {"learning_rate", figures.learning_rate},
      {"num_tokens", static_cast<double>(tokens_seen_)}};
  // Without a loss term there is no loss to speak of.
  if (window_.steps_with_loss > 0) {
    loss_ = window_.loss_sum / window_.steps_with_loss;
    if (!first_loss_.has_value()) first_loss_ = loss_;
    point.insert({{"loss", loss_}, {"token_accuracy", accuracy}});
    scalars.insert({{"train/loss", loss_}, {"train/token_accuracy", accuracy}});
    row.insert({{"loss", loss_}, {"mean_token_accuracy", accuracy}});
  }
  if (options_.peak_flops.has_value()) {
    mfu_ = Ratio(flops, window_.seconds * *options_.peak_flops);
    point["mfu"] = *mfu_;
    scalars["perf/mfu"] = *mfu_;
  }
  WriteLine(step, point);
  point["samples"] = static_cast<double>(window_.samples);
  point["flops"] = flops;
  point.merge(times);
  scalars.merge(time_scalars);
  AddGpuMemory(scalars);
  window_ = Window();
  AddRow(step, std::move(row));
  Tell(step, point, scalars, std::move(spans));
}

TakenSpans TrainingLog::AddTimes(std::map<std::string, double>& point,
                                 std::map<std::string, double>& scalars) {
  if (spans_ == nullptr) return {};
  TakenSpans taken = spans_->Take();
  for (const StepPart& part : kStepParts) {
    const double seconds = Ratio(taken.seconds[part.kind], untimed_steps_);
    point[part.seconds] = seconds;
    scalars[absl::StrCat("perf/", part.name, "_time_s")] = seconds;
  }
  untimed_steps_ = 0;
  AddWaits(taken, point, scalars);
  return taken;
}

void TrainingLog::AddEvaluation(int64_t step, const StepSums& sums,
                                int64_t batches, double seconds) {
  const double loss = Ratio(sums.loss_sum, sums.trained_tokens);
  const double accuracy = Ratio(sums.correct, sums.trained_tokens);
  eval_loss_ = loss;
  best_.Add(step, loss);
  AddRow(step, {{"eval_loss", loss},
                {"eval_runtime", seconds},
                {"eval_mean_token_accuracy", accuracy},
                {"eval_samples_per_second", Ratio(sums.examples, seconds)},
                {"eval_steps_per_second", Ratio(batches, seconds)}});
  if (!options_.leads) return;
  const std::map<std::string, double> point = {{"eval_loss", loss},
                                               {"eval_seconds", seconds}};
  WriteLine(step, point);
  Tell(step, point,
       {{"eval/loss", loss},
        {"eval/token_accuracy", accuracy},
        {"perf/eval_time_s", seconds}});
  TellProgress(step);
}

void TrainingLog::AddRest(int64_t step) {
  if (spans_ == nullptr) return;
  TakenSpans rest = spans_->Take();
  if (rest.spans.empty()) return;
  std::map<std::string, double> point;
  std::map<std::string, double> scalars;
  AddWaits(rest, point, scalars);
  Tell(step, point, scalars, std::move(rest));
}

void TrainingLog::AddSummary(int64_t step) {
  AddRow(step, {{"total_flos", 0},
                {"train_loss", Ratio(loss_sum_, steps_with_loss_)},
                {"train_runtime", seconds_},
                {"train_samples_per_second", Ratio(samples_seen_, seconds_)},
                {"train_steps_per_second", Ratio(step, seconds_)}});
}

void TrainingLog::AddRow(int64_t step, std::map<std::string, double> values) {
  rows_.Add({.step = step, .epoch = Epoch(step), .values = std::move(values)});
}

void TrainingLog::Tell(int64_t step, const std::map<std::string, double>& point,
                       const std::map<std::string, double>& scalars,
                       TakenSpans spans) {
  if (progress_ != nullptr) progress_->AddPoint(step, point, std::move(spans));
  if (board_ == nullptr) return;
  CheckBoard(board_->AddScalars(step, scalars));
}

void TrainingLog::WriteLine(int64_t step,
                            const std::map<std::string, double>& point) {
  if (lines_ == nullptr) return;
  *lines_ << absl::StrCat("step ", step, "/", options_.steps, ": ",
                          absl::StrJoin(point, ", ", absl::PairFormatter(" ")),
                          "\n");
}

void TrainingLog::AddGpuMemory(std::map<std::string, double>& scalars) const {
  const auto taken = gpu_memory_ ? gpu_memory_() : std::nullopt;
  if (!taken.has_value()) return;
  constexpr double kGib = 1 << 30;
  scalars["gpu/0/memory_gib"] = static_cast<double>(taken->bytes) / kGib;
  scalars["gpu/0/memory_peak_gib"] =
      static_cast<double>(taken->peak_bytes) / kGib;
}

void TrainingLog::EndBoard() {
  if (board_ != nullptr) CheckBoard(board_->AddEnd());
}

void TrainingLog::CheckBoard(const absl::Status& status) {
  if (status.ok()) return;
  board_ = nullptr;
  if (progress_ != nullptr) {
    progress_->AddEvent(v1::Event::WARNING, "TENSORBOARD_STOPPED",
                        std::string(status.message()));
  }
}

void TrainingLog::TellProgress(int64_t step) {
  if (progress_ == nullptr || !options_.leads) return;
  v1::Progress progress;
  progress.set_step(step);
  progress.set_steps_planned(options_.steps);
  progress.set_epoch(Epoch(step));
  progress.set_loss(loss_);
  progress.set_first_loss(first_loss_.value_or(0));
  if (eval_loss_.has_value()) progress.set_eval_loss(*eval_loss_);
  progress.set_learning_rate(figures_.learning_rate);
  progress.set_grad_norm(figures_.grad_norm);
  progress.set_tokens_per_second(tokens_per_second_);
  if (mfu_.has_value()) progress.set_mfu(*mfu_);
  progress.set_tokens_seen(tokens_seen_);
  progress_->SetProgress(progress);
}

void TrainingLog::Save(TrainerPosition* position) const {
  position->tokens_seen = tokens_seen_;
  position->trained_tokens_seen = trained_tokens_seen_;
  position->samples_seen = samples_seen_;
  position->averages = {
      {"window.steps", static_cast<double>(window_.steps)},
      {"window.steps_with_loss", static_cast<double>(window_.steps_with_loss)},
      {"window.loss_sum", window_.loss_sum},
      {"window.trained_tokens", static_cast<double>(window_.trained_tokens)},
      {"window.correct", static_cast<double>(window_.correct)},
      {"window.tokens", static_cast<double>(window_.tokens)},
      {"window.samples", static_cast<double>(window_.samples)},
      {"window.squared_lengths", static_cast<double>(window_.squared_lengths)},
      {"window.seconds", window_.seconds},
      {"steps_with_loss", static_cast<double>(steps_with_loss_)},
      {"loss_sum", loss_sum_},
      {"seconds", seconds_},
      {"loss", loss_},
  };
  if (first_loss_) position->averages["first_loss"] = *first_loss_;
  if (eval_loss_) position->averages["eval_loss"] = *eval_loss_;
  best_.Save(&position->averages);
}

TrainerState TrainingLog::ToTrainerState(int64_t step) const {
  TrainerState state = {
      .global_step = step,
      .max_steps = options_.steps,
      .epoch = Epoch(step),
      .num_train_epochs = options_.num_train_epochs,
      .num_input_tokens_seen = tokens_seen_,
      .train_batch_size = options_.per_device_train_batch_size,
      .logging_steps = options_.logging_steps,
      .eval_steps = options_.eval_steps,
      .save_steps = options_.save_steps,
      .log_history = rows_};
  if (best_.best().has_value()) {
    state.best_metric = best_.best()->loss;
    state.best_global_step = best_.best()->step;
  }
  if (best_.best_saved().has_value()) {
    state.best_model_checkpoint = JoinPath(
        options_.output_dir, CheckpointFolderName(best_.best_saved()->step));
  }
  return state;
}

void TrainingLog::RestoreCounts(const TrainerPosition& position) {
  tokens_seen_ = position.tokens_seen;
  trained_tokens_seen_ = position.trained_tokens_seen;
  samples_seen_ = position.samples_seen;
}

void TrainingLog::Restore(const TrainerPosition& position,
                          const TrainerState& history) {
  const std::map<std::string, double>& saved = position.averages;
  const auto value = [&saved](const char* name) {
    const auto found = saved.find(name);
    return found == saved.end() ? std::nullopt
                                : std::optional<double>(found->second);
  };
  const auto number = [&value](const char* name) {
    return value(name).value_or(0);
  };
  const auto count = [&number](const char* name) {
    return static_cast<int64_t>(number(name));
  };
  window_ = {.steps = count("window.steps"),
             .steps_with_loss = count("window.steps_with_loss"),
             .loss_sum = number("window.loss_sum"),
             .trained_tokens = count("window.trained_tokens"),
             .correct = count("window.correct"),
             .tokens = count("window.tokens"),
             .samples = count("window.samples"),
             .squared_lengths = count("window.squared_lengths"),
             .seconds = number("window.seconds")};
  RestoreCounts(position);
  steps_with_loss_ = count("steps_with_loss");
  loss_sum_ = number("loss_sum");
  seconds_ = number("seconds");
  loss_ = number("loss");
  first_loss_ = value("first_loss");
  eval_loss_ = value("eval_loss");
  rows_ = history.log_history;
  best_.Restore(saved);
}

}  // namespace lockstep
