#include "worker/train/checkpointer.h"

#include <ATen/ATen.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"
#include "worker/io/checkpoint_folders.h"
#include "worker/io/file.h"
#include "worker/io/trainer_state.h"
#include "worker/train/checkpoint_retention.h"
#include "worker/train/named_tensors.h"
#include "worker/train/rank_end.h"

namespace lockstep {
namespace {

using CommitRequest = worker::v1::CommitCheckpointRequest;

// In a row; then the run ends rather than train on without a net.
constexpr int kMaxFailedSaves = 3;

// The fields in which builds and machines differ; a run that crosses them goes
// on, only not bit for bit.
RunIdentity WithNumericsOf(RunIdentity identity, const RunIdentity& other) {
  identity.threads = other.threads;
  identity.device = other.device;
  identity.build_id = other.build_id;
  identity.libtorch_version = other.libtorch_version;
  return identity;
}

}  // namespace

absl::StatusOr<int64_t> Checkpointer::Restore(
    const std::vector<v1::Checkpoint>& listed, TrainingLog* log) {
  DataParallel& ranks = parts_.data_parallel;
  std::string state, history;
  if (ranks.rank() == 0) {
    RemoveLeftovers(listed);
    const std::optional<Checkpoint> newest =
        options_.resume ? FindNewest(listed) : std::nullopt;
    if (newest.has_value()) {
      RETURN_IF_ERROR(CheckIdentity(newest->state()));
      RETURN_IF_ERROR(
          WithCause(v1::Attempt::INPUT_CHANGED, ReadTensors(*newest)));
      state = CheckpointStateToJson(newest->state());
      ASSIGN_OR_RETURN(history,
                       ReadWholeFile(newest->FilePath(kTrainerStateFile)));
    }
  }
  RETURN_IF_ERROR(ranks.Broadcast(&state));
  if (state.empty()) return 0;
  RETURN_IF_ERROR(ranks.Broadcast(&history));
  std::vector<at::Tensor> buffers = {parts_.weights.parameters()->values()};
  for (const OptimizerBuffer& buffer : parts_.optimizer.State()) {
    buffers.push_back(buffer.buffer);
  }
  RETURN_IF_ERROR(ranks.Broadcast(std::move(buffers)));
  RETURN_IF_ERROR(parts_.weights.AfterUpdate());

  ASSIGN_OR_RETURN(const CheckpointState restored,
                   ParseCheckpointState(state, "state of rank 0"));
  ASSIGN_OR_RETURN(const TrainerState rows,
                   ParseTrainerState(history, "history of rank 0"));
  parts_.optimizer.set_steps(restored.position.optimizer_steps);
  log->Restore(restored.position, rows);
  return restored.position.step;
}

// Space that is lost is no reason to train nothing.
void Checkpointer::RemoveLeftovers(const std::vector<v1::Checkpoint>& listed) {
  std::set<int64_t> steps;
  for (const v1::Checkpoint& entry : listed) steps.insert(entry.step());
  absl::Status removed =
      RemoveUnfinishedCheckpoints(options_.output_dir, options_.attempt)
          .status();
  removed.Update(
      RemoveUnlistedCheckpoints(options_.output_dir, steps, options_.attempt)
          .status());
  if (removed.ok()) return;
  parts_.progress.AddEvent(
      v1::Event::WARNING, "CHECKPOINT_NOT_REMOVED",
      absl::StrCat("what an earlier attempt left could not be removed: ",
                   removed.message()));
}

std::optional<Checkpoint> Checkpointer::FindNewest(
    const std::vector<v1::Checkpoint>& listed) {
  for (auto it = listed.begin(); it != listed.end(); ++it) {
    const v1::Checkpoint& entry = *it;
    absl::StatusOr<Checkpoint> checkpoint =
        Checkpoint::Open(entry.path(), entry.manifest_sha256());
    if (checkpoint.ok()) {
      for (; it != listed.end(); ++it) kept_.insert(it->step());
      return *std::move(checkpoint);
    }
    parts_.progress.AddEvent(
        v1::Event::WARNING, "CHECKPOINT_SKIPPED",
        absl::StrCat("checkpoint of step ", entry.step(),
                     " is not used: ", checkpoint.status().message()));
  }
  return std::nullopt;
}

absl::Status Checkpointer::CheckIdentity(const CheckpointState& state) {
  const RunIdentity comparable =
      WithNumericsOf(options_.identity, /*other=*/state.run);
  RETURN_IF_ERROR(WithCause(v1::Attempt::INPUT_CHANGED,
                            CheckSameRun(state.run, comparable)));
  const absl::Status numerics = CheckSameRun(state.run, options_.identity);
  if (!numerics.ok()) {
    parts_.progress.AddEvent(
        v1::Event::WARNING, "RESUMED_INEXACTLY",
        absl::StrCat("the run goes on, but not bit for bit: ",
                     numerics.message()));
  }
  return absl::OkStatus();
}

absl::Status Checkpointer::ReadTensors(const Checkpoint& checkpoint) {
  RETURN_IF_ERROR(ReadWeights(checkpoint));
  for (const OptimizerBuffer& buffer : parts_.optimizer.State()) {
    RETURN_IF_ERROR(parts_.weights.parameters()->Fill(
        buffer.buffer, [&](const Parameter& parameter, float* out) {
          return checkpoint.ReadOptimizer(buffer.name, parameter.name,
                                          parameter.shape, out);
        }));
  }
  return absl::OkStatus();
}

absl::Status Checkpointer::ReadWeights(const Checkpoint& checkpoint) {
  const Parameters& parameters = *parts_.weights.parameters();
  return parameters.Fill(
      parameters.values(), [&](const Parameter& parameter, float* out) {
        return checkpoint.ReadWeight(parameter.name, parameter.shape, out);
      });
}

absl::Status Checkpointer::LoadWeights(int64_t step) {
  ASSIGN_OR_RETURN(const Checkpoint checkpoint,
                   Checkpoint::Open(JoinPath(options_.output_dir,
                                             CheckpointFolderName(step))));
  RETURN_IF_ERROR(ReadWeights(checkpoint));
  return parts_.weights.AfterUpdate();
}

absl::Status Checkpointer::Save(int64_t step, TrainingLog* log) {
  log->MarkSaved(step);
  if (parts_.data_parallel.rank() != 0) return absl::OkStatus();
  RETURN_IF_ERROR(parts_.progress.standing());
  absl::Status written = Write(step, *log);
  if (written.ok()) {
    failed_saves_ = 0;
    kept_.insert(step);
    return Prune(*log);
  }
  if (absl::IsInvalidArgument(written)) {
    return WithCause(v1::Attempt::NOT_FINITE, written);
  }
  // The coordinator's word is final.
  if (!ErrorReason(written).empty()) return written;
  log->UnmarkSaved();
  return Endure(step, written);
}

absl::Status Checkpointer::Write(int64_t step, const TrainingLog& log) {
  CheckpointWriteOptions options;
  options.output_dir = options_.output_dir;
  options.attempt = options_.attempt;
  options.grant = [&](const CheckpointInfo& info) {
    return Call(CommitRequest::PHASE_GRANT, info, log);
  };
  options.commit = [&](const CheckpointInfo& info) {
    return Call(CommitRequest::PHASE_COMMIT, info, log);
  };
  return WriteCheckpoint(options, Contents(step, log)).status();
}

absl::Status Checkpointer::Endure(int64_t step, const absl::Status& failure) {
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
                   kept_.empty()
                       ? "from the beginning"
                       : absl::StrCat("from step ", *kept_.rbegin())));
  return absl::OkStatus();
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
absl::Status Checkpointer::Prune(const TrainingLog& log) {
  if (options_.save_total_limit == 0) return absl::OkStatus();
  std::optional<int64_t> best;
  if (const auto& saved = log.best().best_saved();
      options_.keep_best && saved.has_value()) {
    best = saved->step;
  }
  for (const int64_t step :
       SurplusCheckpoints(kept_, options_.save_total_limit, best)) {
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

CheckpointContents Checkpointer::Contents(int64_t step,
                                          const TrainingLog& log) {
  const Parameters& parameters = *parts_.weights.parameters();
  CheckpointContents contents;
  contents.state.run = options_.identity;
  TrainerPosition& position = contents.state.position;
  position.step = step;
  position.optimizer_steps = parts_.optimizer.steps();
  position.epoch = step / options_.steps_per_epoch;
  position.step_in_epoch = step % options_.steps_per_epoch;
  position.metric_seq = parts_.progress.newest_seq();
  log.Save(&position);
  contents.weights_stem = options_.weights_stem;
  // On a CPU these are the buffers themselves, on a GPU copies.
  host_copies_ = {parameters.values().cpu()};
  contents.weights = NamedTensors(parameters, host_copies_.back());
  for (const OptimizerBuffer& buffer : parts_.optimizer.State()) {
    host_copies_.push_back(buffer.buffer.cpu());
    contents.optimizer.push_back(
        {buffer.name, NamedTensors(parameters, host_copies_.back())});
  }
  contents.files = options_.files;
  contents.files[kTrainerStateFile] =
      TrainerStateToJson(log.ToTrainerState(step));
  return contents;
}

absl::Status Checkpointer::Call(CommitRequest::Phase phase,
                                const CheckpointInfo& info,
                                const TrainingLog& log) {
  v1::Checkpoint checkpoint;
  checkpoint.set_step(info.step);
  checkpoint.set_attempt(options_.attempt);
  checkpoint.set_path(info.path);
  checkpoint.set_size_bytes(info.size_bytes);
  checkpoint.set_manifest_sha256(info.manifest_sha256);
  checkpoint.set_loss(log.loss());
  if (log.eval_loss().has_value()) checkpoint.set_eval_loss(*log.eval_loss());
  return FromCoordinator(
      parts_.coordinator.CommitCheckpoint(phase, checkpoint));
}

absl::Status Checkpointer::AskAgain(int64_t step) {
  return FromCoordinator(Ask(CommitRequest::PHASE_GRANT, step));
}

absl::Status Checkpointer::Ask(CommitRequest::Phase phase, int64_t step) {
  v1::Checkpoint checkpoint;
  checkpoint.set_step(step);
  checkpoint.set_attempt(options_.attempt);
  return parts_.coordinator.CommitCheckpoint(phase, checkpoint);
}

}  // namespace lockstep
