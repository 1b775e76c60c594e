#ifndef LOCKSTEP_WORKER_EXPORT_EXPORT_MERGED_H_
#define LOCKSTEP_WORKER_EXPORT_EXPORT_MERGED_H_

// `lockstep-worker export --checkpoint DIR --base DIR --output DIR --merge
// [--dtype bf16|float32|source]`: a model folder that needs no adapter. W +
// scale * B * A in float32, rounded once; tensor by tensor, so that a model
// larger than memory can be merged.

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace lockstep {

struct ExportOptions {
  // A checkpoint, the result of a job, or any PEFT adapter or model folder.
  std::string checkpoint;
  // The model that was trained.
  std::string base;
  // Must not exist, or be empty.
  std::string output;
  // "bf16", "float32", or "source": that of each tensor of the base.
  std::string dtype = "source";
  // What the model was trained with, if not the base's own.
  std::optional<std::string> chat_template;
};

// The output folder appears whole or not at all. NOT_FOUND: no such folder or
// file. INVALID_ARGUMENT: a file, key, tensor or shape that does not fit, by
// name. DATA_LOSS: the checkpoint is damaged. FAILED_PRECONDITION: the output
// folder holds something.
absl::Status ExportMerged(const ExportOptions& options);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_EXPORT_EXPORT_MERGED_H_
