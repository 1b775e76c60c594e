#include "worker/train/checkpoint_saver.h"

#include <ATen/ATen.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"
#include "worker/io/checkpoint_folders.h"
#include "worker/io/trainer_state.h"
#include "worker/train/checkpoint_retention.h"
#include "worker/train/named_tensors.h"
#include "worker/train/rank_end.h"

namespace lockstep {
namespace {

using CommitRequest = worker::v1::CommitCheckpointRequest;

// In a row; then the run ends rather than train on without a net.
constexpr int kMaxFailedSaves = 3;

}  // namespace

CheckpointSaver::CheckpointSaver(const CheckpointOptions& options,
                                 const CheckpointParts& parts,
                                 std::set<int64_t> kept)
    : options_(options), parts_(parts), kept_(std::move(kept)) {}

CheckpointSaver::~CheckpointSaver() {
  if (saving_ != nullptr) saving_->thread.join();
}

absl::Status CheckpointSaver::Begin(int64_t step, TrainingLog* log) {
  RETURN_IF_ERROR(Finish(log));
  log->MarkSaved(step);
  if (parts_.data_parallel.rank() != 0) return absl::OkStatus();
  RETURN_IF_ERROR(parts_.progress.standing());
  saving_ = std::make_unique<Saving>();
  saving_->snapshot = Copy(step, *log);
  saving_->thread = std::thread([this, saving = saving_.get()] {
    Run(*saving);
    saving->done.Notify();
  });
  return absl::OkStatus();
}

absl::Status CheckpointSaver::Poll(TrainingLog* log) {
  if (saving_ == nullptr || !saving_->done.HasBeenNotified()) {
    return absl::OkStatus();
  }
  return Finish(log);
}

absl::Status CheckpointSaver::Finish(TrainingLog* log) {
  if (saving_ == nullptr) return absl::OkStatus();
  const std::unique_ptr<Saving> saving = std::move(saving_);
  saving->thread.join();
  const absl::Status& written = saving->written;
  if (written.ok()) {
    failed_saves_ = 0;
    return saving->pruned;
  }
  if (absl::IsInvalidArgument(written)) {
    return WithCause(v1::Attempt::NOT_FINITE, written);
  }
  // The coordinator's word is final.
  if (!ErrorReason(written).empty()) return written;
  log->UnmarkSaved();
  return Endure(saving->snapshot.step, written);
}

absl::Status CheckpointSaver::Endure(int64_t step,
                                     const absl::Status& failure) {
  std::string message = absl::StrCat("checkpoint of step ", step,
                                     " is not written: ", failure.message());
  if (absl::IsResourceExhausted(failure)) {
    absl::StrAppend(&message, "; make room there, or keep fewer checkpoints (",
                    "checkpoint.save_total_limit)");
  }
  if (++failed_saves_ >= kMaxFailedSaves) {
    return WithCause(
        v1::Attempt::STORAGE_FULL,
        absl::Status(failure.code(),
                     absl::StrCat(message, ". It is the third in a row")));
  }
  parts_.progress.AddEvent(
      v1::Event::WARNING, "CHECKPOINT_FAILED",
      absl::StrCat(message, ". Training goes on; a new attempt would start ",
                   !kept_.empty()
                       ? absl::StrCat("from step ", *kept_.rbegin())
                       : absl::StrCat("from ", options_.origin.has_value()
                                                   ? options_.origin->name()
                                                   : "the beginning")));
  return absl::OkStatus();
}

void CheckpointSaver::Run(Saving& saving) {
  // As long as the run: not while the ranks wait.
  saving.snapshot.contents.files[kTrainerStateFile] =
      TrainerStateToJson(saving.snapshot.history);
  saving.written = Write(saving.snapshot);
  if (!saving.written.ok()) return;
  kept_.insert(saving.snapshot.step);
  saving.pruned = Prune(saving.snapshot);
}

absl::Status CheckpointSaver::Write(const Snapshot& snapshot) {
  CheckpointWriteOptions options;
  options.output_dir = options_.output_dir;
  options.attempt = options_.attempt;
  options.grant = [&](const CheckpointInfo& info) {
    return Call(CommitRequest::PHASE_GRANT, info, snapshot);
  };
  options.commit = [&](const CheckpointInfo& info) {
    SendPoints(snapshot);
    return Call(CommitRequest::PHASE_COMMIT, info, snapshot);
  };
  return WriteCheckpoint(options, snapshot.contents).status();
}

// Steps that are listed are trained by nobody again: were this rank killed
// then, their points would be missing for ever. A coordinator that is away is
// waited for by the commit as well; one that only does not take points, as with
// a full disk, holds up each checkpoint.
void CheckpointSaver::SendPoints(const Snapshot& snapshot) {
  const absl::Status sent = parts_.progress.FlushPoints(
      snapshot.contents.state.position.metric_seq, options_.longest_flush);
  if (sent.ok()) told_of_points_ = false;
  // What ends this rank the commit says.
  if (!parts_.progress.standing().ok()) return;
  if (sent.ok() || std::exchange(told_of_points_, true)) return;
  const std::string message = absl::StrCat(
      "the coordinator did not take the points of step ", snapshot.step,
      " within ", absl::FormatDuration(options_.longest_flush), ": ",
      sent.message(), ". Each checkpoint waits as long until it does");
  if (parts_.lines != nullptr) *parts_.lines << message + "\n" << std::flush;
  // It comes with the points.
  parts_.progress.AddEvent(v1::Event::WARNING, "POINTS_NOT_TAKEN", message);
}

// What is on disk and what is listed, as each checkpoint goes:
//
//   the folder under its name, listed      until the coordinator has answered
//   the same, not listed                   RemoveUnlistedCheckpoints removes it
//   its .removed.tmp, not listed           RemoveUnfinishedCheckpoints does
//   nothing
//
// So a death in the middle costs space until the next attempt begins, and what
// is listed has its files at any time.
absl::Status CheckpointSaver::Prune(const Snapshot& snapshot) {
  if (options_.save_total_limit == 0) return absl::OkStatus();
  for (const int64_t step :
       SurplusCheckpoints(kept_, options_.save_total_limit, snapshot.best)) {
    const absl::Status unlisted = Ask(CommitRequest::PHASE_UNLIST, step);
    // Asked again after the next save: it may not be pinned for ever.
    if (ErrorReason(unlisted) == "CHECKPOINT_PINNED") continue;
    RETURN_IF_ERROR(FromCoordinator(unlisted));
    kept_.erase(step);
    const absl::Status removed =
        RemoveCheckpoint(options_.output_dir, step, options_.attempt);
    if (removed.ok()) continue;
    parts_.progress.AddEvent(
        v1::Event::WARNING, "CHECKPOINT_NOT_REMOVED",
        absl::StrCat(
            "checkpoint of step ", step,
            " is not kept, but could not be removed: ", removed.message()));
  }
  return absl::OkStatus();
}

CheckpointSaver::Snapshot CheckpointSaver::Copy(int64_t step,
                                                const TrainingLog& log) {
  Snapshot snapshot = {.step = step,
                       .contents = {},
                       .loss = log.loss(),
                       .eval_loss = log.eval_loss(),
                       .best = std::nullopt};
  if (const auto& saved = log.best().best_saved();
      options_.keep_best && saved.has_value()) {
    snapshot.best = saved->step;
  }
  CheckpointContents& contents = snapshot.contents;
  contents.state.run = options_.identity;
  TrainerPosition& position = contents.state.position;
  position.step = step;
  position.optimizer_steps = parts_.optimizer.steps();
  position.epoch = step / options_.steps_per_epoch;
  position.step_in_epoch = step % options_.steps_per_epoch;
  position.metric_seq = parts_.progress.newest_seq();
  log.Save(&position);
  contents.weights_stem = options_.weights_stem;
  const Parameters& parameters = *parts_.weights.parameters();
  contents.weights =
      NamedTensors(parameters, CopyToHost(0, parameters.values()));
  for (const OptimizerBuffer& buffer : parts_.optimizer.State()) {
    const size_t number = 1 + contents.optimizer.size();
    contents.optimizer.push_back(
        {buffer.name,
         NamedTensors(parameters, CopyToHost(number, buffer.buffer))});
  }
  contents.files = options_.files;
  snapshot.history = log.ToTrainerState(step);
  return snapshot;
}

// Pinned memory takes a GPU's bytes ten times as fast, but long to get.
at::Tensor CheckpointSaver::CopyToHost(size_t number,
                                       const at::Tensor& buffer) {
  if (number == host_copies_.size()) {
    host_copies_.push_back(at::empty(
        buffer.sizes(),
        buffer.options().device(at::kCPU).pinned_memory(buffer.is_cuda())));
  }
  at::Tensor& copy = host_copies_[number];
  copy.copy_(buffer);
  return copy;
}

absl::Status CheckpointSaver::Call(CommitRequest::Phase phase,
                                   const CheckpointInfo& info,
                                   const Snapshot& snapshot) {
  v1::Checkpoint checkpoint;
  checkpoint.set_step(info.step);
  checkpoint.set_attempt(options_.attempt);
  checkpoint.set_path(info.path);
  checkpoint.set_size_bytes(info.size_bytes);
  checkpoint.set_manifest_sha256(info.manifest_sha256);
  checkpoint.set_loss(snapshot.loss);
  if (snapshot.eval_loss.has_value()) {
    checkpoint.set_eval_loss(*snapshot.eval_loss);
  }
  return FromCoordinator(
      parts_.coordinator.CommitCheckpoint(phase, checkpoint));
}

absl::Status CheckpointSaver::AskAgain(int64_t step) {
  return FromCoordinator(Ask(CommitRequest::PHASE_GRANT, step));
}

absl::Status CheckpointSaver::Ask(CommitRequest::Phase phase, int64_t step) {
  v1::Checkpoint checkpoint;
  checkpoint.set_step(step);
  checkpoint.set_attempt(options_.attempt);
  return parts_.coordinator.CommitCheckpoint(phase, checkpoint);
}

}  // namespace lockstep
