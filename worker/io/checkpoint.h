#ifndef LOCKSTEP_WORKER_IO_CHECKPOINT_H_
#define LOCKSTEP_WORKER_IO_CHECKPOINT_H_

// Checkpoints: OUTPUT_DIR/checkpoint-STEP, from which a run goes on bitwise.
// Rank 0 of an attempt writes, every rank reads. A folder of that name is
// either whole or it is found out: every byte of it is under a digest.
//
//   MANIFEST                        every other file with size and SHA-256
//   adapter_model.safetensors or    the trained weights, float32; with the
//   model*.safetensors              files given (adapter_config.json, ...) the
//                                   folder is one that Hugging Face loads
//   optimizer*.safetensors          moments, named BUFFER/WEIGHT
//   lockstep_state.json             CheckpointState
//   trainer_state.json, ...         what the caller adds
//
// While it is written it is called checkpoint-STEP.aATTEMPT.tmp; how folders go
// again is in checkpoint_folders.h. Which to keep, and what becomes of a bad
// one, is left to the caller.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/io/checkpoint_manifest.h"
#include "worker/io/checkpoint_state.h"
#include "worker/io/named_tensor.h"
#include "worker/io/safetensors.h"

namespace lockstep {

// What the coordinator is told of a checkpoint.
struct CheckpointInfo {
  int64_t step = 0;
  int64_t attempt = 0;
  // Its final name, also before it has it.
  std::string path;
  // Of all files, MANIFEST too.
  int64_t size_bytes = 0;
  // SHA-256 of MANIFEST.
  std::string manifest_sha256;
};

// A buffer of the optimizer, one tensor for each trained weight, under the
// weight's name.
struct OptimizerTensors {
  // "exp_avg".
  std::string buffer;
  std::vector<NamedTensor> tensors;
};

struct CheckpointContents {
  CheckpointState state;
  // "adapter_model" or "model": how the weights' files begin.
  std::string weights_stem = "model";
  std::vector<NamedTensor> weights;
  std::vector<OptimizerTensors> optimizer;
  // More files by name: adapter_config.json, config.json, trainer_state.json.
  std::map<std::string, std::string> files;
};

struct CheckpointWriteOptions {
  std::string output_dir;
  int64_t attempt = 1;
  // Larger weights are cut into several files; an adapter never is.
  int64_t max_shard_bytes = 5'000'000'000;
  // Asks for the right to publish, once all but MANIFEST is on disk. An error
  // is returned and nothing is left behind. Required.
  std::function<absl::Status(const CheckpointInfo&)> grant;
  // Lists it, once it has its final name on disk. An error is returned and the
  // folder stays: a later attempt may adopt it, for it verifies. Required.
  std::function<absl::Status(const CheckpointInfo&)> commit;
  // For tests of sudden death: called on entering each phase, see
  // checkpoint_writer.cc for their names. May be empty.
  std::function<void(absl::string_view phase)> on_phase;
};

// Writes OUTPUT_DIR/checkpoint-STEP. INVALID_ARGUMENT: a number that is not
// finite (no such state is ever saved); RESOURCE_EXHAUSTED: disk full; else an
// error of the disk or of the callbacks. After an error before commit the
// folder is as it was before, as far as the disk obeys, and nothing new is
// listed; the run may go on.
absl::StatusOr<CheckpointInfo> WriteCheckpoint(
    const CheckpointWriteOptions& options, const CheckpointContents& contents);

// A checkpoint that has been verified. Immutable; several threads may read.
class Checkpoint {
 public:
  // Reads MANIFEST and every file it lists, and compares all digests, before
  // anything is used. With `manifest_sha256` (as listed by the coordinator) the
  // manifest itself must be that one. NOT_FOUND: no such folder or MANIFEST.
  // DATA_LOSS names the file, what it is and what it should be: take the
  // checkpoint before it.
  static absl::StatusOr<Checkpoint> Open(
      const std::string& dir, const std::string& manifest_sha256 = "");

  const CheckpointInfo& info() const { return info_; }
  const CheckpointState& state() const { return state_; }
  bool HasFile(const std::string& name) const;
  std::string FilePath(const std::string& name) const;

  // Names of the weights, sorted.
  std::vector<std::string> WeightNames() const;
  // One weight, or one weight's part of a buffer of the optimizer; `shape` must
  // be that of the file. DATA_LOSS: not there, or of another shape.
  absl::Status ReadWeight(const std::string& name,
                          const std::vector<int64_t>& shape, float* out) const;
  absl::Status ReadOptimizer(const std::string& buffer, const std::string& name,
                             const std::vector<int64_t>& shape,
                             float* out) const;

 private:
  Checkpoint() = default;
  absl::Status OpenShard(const std::string& name);
  absl::Status Read(const std::string& name, const std::vector<int64_t>& shape,
                    float* out) const;

  CheckpointInfo info_;
  CheckpointState state_;
  CheckpointManifest manifest_;
  std::vector<SafetensorsFile> shards_;
  // Tensor -> its shard.
  absl::flat_hash_map<std::string, size_t> shard_of_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_CHECKPOINT_H_
