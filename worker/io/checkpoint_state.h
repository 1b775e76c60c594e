#ifndef LOCKSTEP_WORKER_IO_CHECKPOINT_STATE_H_
#define LOCKSTEP_WORKER_IO_CHECKPOINT_STATE_H_

// What a run must know beside its tensors to go on exactly where it was, as a
// value and as the JSON of lockstep_state.json in a checkpoint folder.

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep {

inline constexpr char kCheckpointStateFile[] = "lockstep_state.json";

// What must be the same for the run to go on bitwise as if it had never
// stopped. A field that does not apply is left as it is on both sides.
struct RunIdentity {
  int64_t world_size = 1;
  int64_t per_device_train_batch_size = 1;
  int64_t gradient_accumulation_steps = 1;
  // Of the thread pool of one rank: sums depend on it.
  int64_t threads = 1;
  // "cpu", or the name of the GPU.
  std::string device;
  // "float32" or "bf16".
  std::string dtype;
  // "lora" or "full".
  std::string method;
  // "adamw".
  std::string optimizer;
  uint64_t seed = 0;
  uint64_t shuffle_seed = 0;
  std::string build_id;
  std::string libtorch_version;
  // SHA-256 in hexadecimal of what the run started from and learns from.
  std::string base_model_digest;
  std::string dataset_digest;
};

// OK, or FAILED_PRECONDITION that names every field that differs and both its
// values.
absl::Status CheckSameRun(const RunIdentity& saved, const RunIdentity& current);

// Where the run is, always at the boundary of an optimizer step. The order of
// an epoch is a function of (shuffle_seed, epoch), so two numbers say which
// samples come next; dropout is a function of (seed, step), likewise.
struct TrainerPosition {
  // Optimizer steps done, and what the optimizer itself counts.
  int64_t step = 0;
  int64_t optimizer_steps = 0;
  // The next step to do.
  int64_t epoch = 0;
  int64_t step_in_epoch = 0;
  int64_t tokens_seen = 0;
  int64_t trained_tokens_seen = 0;
  int64_t samples_seen = 0;
  // Of the newest metric point.
  int64_t metric_seq = 0;
  // Running sums and newest values by name ("loss_sum", "eval_loss"): what the
  // trainer averages and shows. Finite.
  std::map<std::string, double> averages;
};

struct CheckpointState {
  RunIdentity run;
  TrainerPosition position;
};

// Keys in the order above, two spaces of indentation.
std::string CheckpointStateToJson(const CheckpointState& state);
// INVALID_ARGUMENT names `path` and the key that is missing or of another type.
absl::StatusOr<CheckpointState> ParseCheckpointState(absl::string_view json,
                                                     const std::string& path);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_CHECKPOINT_STATE_H_
