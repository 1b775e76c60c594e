#include "worker/train/checkpoint_loader.h"

#include <ATen/ATen.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "worker/io/checkpoint_folders.h"
#include "worker/io/file.h"
#include "worker/io/trainer_state.h"
#include "worker/train/rank_end.h"

namespace lockstep {
namespace {

// The fields in which builds and machines differ; a run that crosses them goes
// on, only not bit for bit.
RunIdentity WithNumericsOf(RunIdentity identity, const RunIdentity& other) {
  identity.threads = other.threads;
  identity.device = other.device;
  identity.build_id = other.build_id;
  identity.libtorch_version = other.libtorch_version;
  return identity;
}

// And those that say how the bins of a step are shared out, and computed with.
RunIdentity WithLayoutOf(RunIdentity identity, const RunIdentity& other) {
  identity.world_size = other.world_size;
  identity.per_device_train_batch_size = other.per_device_train_batch_size;
  identity.gradient_accumulation_steps = other.gradient_accumulation_steps;
  identity.dtype = other.dtype;
  return identity;
}

}  // namespace

absl::StatusOr<RestoredRun> CheckpointLoader::Restore(
    const std::vector<v1::Checkpoint>& listed, TrainingLog* log) {
  DataParallel& ranks = parts_.data_parallel;
  RestoredRun run;
  std::string state, history;
  if (ranks.rank() == 0) {
    RemoveLeftovers(listed);
    std::optional<Checkpoint> from =
        options_.resume ? FindNewest(listed, &run.kept) : std::nullopt;
    const bool own = from.has_value();
    if (!own) {
      ASSIGN_OR_RETURN(from, OpenOrigin());
    }
    if (from.has_value()) {
      RETURN_IF_ERROR(CheckIdentity(from->state(), !own && options_.inexact));
      RETURN_IF_ERROR(
          WithCause(v1::Attempt::INPUT_CHANGED, ReadTensors(*from)));
      state = CheckpointStateToJson(from->state());
    }
    if (own) {
      ASSIGN_OR_RETURN(history,
                       ReadWholeFile(from->FilePath(kTrainerStateFile)));
    }
  }
  RETURN_IF_ERROR(ranks.Broadcast(&state));
  if (state.empty()) return run;
  RETURN_IF_ERROR(ranks.Broadcast(&history));
  std::vector<at::Tensor> buffers = {parts_.weights.parameters()->values()};
  for (const OptimizerBuffer& buffer : parts_.optimizer.State()) {
    buffers.push_back(buffer.buffer);
  }
  RETURN_IF_ERROR(ranks.Broadcast(std::move(buffers)));
  RETURN_IF_ERROR(parts_.weights.AfterUpdate());

  ASSIGN_OR_RETURN(const CheckpointState restored,
                   ParseCheckpointState(state, "state of rank 0"));
  parts_.optimizer.set_steps(restored.position.optimizer_steps);
  // The history of another job is not this one's.
  if (history.empty()) {
    log->RestoreCounts(restored.position);
    run.origin = restored;
    return run;
  }
  ASSIGN_OR_RETURN(const TrainerState rows,
                   ParseTrainerState(history, "history of rank 0"));
  log->Restore(restored.position, rows);
  run.step = restored.position.step;
  return run;
}

// To begin anew in its place would not be what was asked for.
absl::StatusOr<std::optional<Checkpoint>> CheckpointLoader::OpenOrigin() const {
  if (!options_.origin.has_value()) return std::nullopt;
  const v1::Checkpoint& origin = *options_.origin;
  absl::StatusOr<Checkpoint> checkpoint =
      Checkpoint::Open(origin.path(), origin.manifest_sha256());
  if (checkpoint.ok()) return std::optional<Checkpoint>(*std::move(checkpoint));
  return WithCause(
      v1::Attempt::INPUT_CHANGED,
      absl::Status(checkpoint.status().code(),
                   absl::StrCat("checkpoint.start_from: ", origin.name(), ": ",
                                checkpoint.status().message())));
}

// Space that is lost is no reason to train nothing.
void CheckpointLoader::RemoveLeftovers(
    const std::vector<v1::Checkpoint>& listed) {
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

std::optional<Checkpoint> CheckpointLoader::FindNewest(
    const std::vector<v1::Checkpoint>& listed, std::set<int64_t>* kept) {
  for (auto it = listed.begin(); it != listed.end(); ++it) {
    const v1::Checkpoint& entry = *it;
    absl::StatusOr<Checkpoint> checkpoint =
        Checkpoint::Open(entry.path(), entry.manifest_sha256());
    if (checkpoint.ok()) {
      for (; it != listed.end(); ++it) kept->insert(it->step());
      return *std::move(checkpoint);
    }
    parts_.progress.AddEvent(
        v1::Event::WARNING, "CHECKPOINT_SKIPPED",
        absl::StrCat("checkpoint of step ", entry.step(),
                     " is not used: ", checkpoint.status().message()));
  }
  return std::nullopt;
}

absl::Status CheckpointLoader::CheckIdentity(const CheckpointState& state,
                                             bool inexact) {
  RunIdentity comparable =
      WithNumericsOf(options_.identity, /*other=*/state.run);
  if (inexact) comparable = WithLayoutOf(comparable, state.run);
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

absl::Status CheckpointLoader::ReadTensors(const Checkpoint& checkpoint) {
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

absl::Status CheckpointLoader::ReadWeights(const Checkpoint& checkpoint) {
  const Parameters& parameters = *parts_.weights.parameters();
  return parameters.Fill(
      parameters.values(), [&](const Parameter& parameter, float* out) {
        return checkpoint.ReadWeight(parameter.name, parameter.shape, out);
      });
}

absl::Status CheckpointLoader::LoadWeights(int64_t step) {
  ASSIGN_OR_RETURN(const Checkpoint checkpoint,
                   Checkpoint::Open(JoinPath(options_.output_dir,
                                             CheckpointFolderName(step))));
  RETURN_IF_ERROR(ReadWeights(checkpoint));
  return parts_.weights.AfterUpdate();
}

}  // namespace lockstep
