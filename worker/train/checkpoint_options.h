#ifndef LOCKSTEP_WORKER_TRAIN_CHECKPOINT_OPTIONS_H_
#define LOCKSTEP_WORKER_TRAIN_CHECKPOINT_OPTIONS_H_

// What the saver and the loader of a run's checkpoints have in common.

#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <string>

#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "worker/coordinator/coordinator.h"
#include "worker/io/checkpoint_state.h"
#include "worker/model/model_weights.h"
#include "worker/optim/optimizer.h"
#include "worker/train/data_parallel.h"
#include "worker/train/progress.h"

namespace lockstep {

struct CheckpointOptions {
  std::string output_dir;
  int attempt = 1;
  int64_t steps_per_epoch = 1;
  // How long a checkpoint waits for the coordinator to take its points: less
  // than the grace that a rank has which is to stop with one.
  absl::Duration longest_flush = absl::Seconds(10);
  // False: the run begins anew, whatever is listed.
  bool resume = true;
  // Checkpoints that stay; 0: all.
  int save_total_limit = 0;
  // Among them the one with the lowest evaluation loss.
  bool keep_best = false;
  // What a checkpoint must agree with to be resumed from.
  RunIdentity identity;
  // Of another job: what a run goes on from that has none of its own.
  std::optional<v1::Checkpoint> origin;
  // Also when that was another number of ranks, batch size or dtype.
  bool inexact = false;
  // "adapter_model" or "model".
  std::string weights_stem = "model";
  // That make the folder one which Hugging Face loads, by name.
  std::map<std::string, std::string> files;
};

// All are borrowed.
struct CheckpointParts {
  ModelWeights& weights;
  Optimizer& optimizer;
  DataParallel& data_parallel;
  Coordinator& coordinator;
  Progress& progress;
  // Gets a line when something is wrong, also from the saver's thread; null for
  // nobody.
  std::ostream* lines = nullptr;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_CHECKPOINT_OPTIONS_H_
