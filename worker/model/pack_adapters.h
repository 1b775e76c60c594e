#ifndef LOCKSTEP_WORKER_MODEL_PACK_ADAPTERS_H_
#define LOCKSTEP_WORKER_MODEL_PACK_ADAPTERS_H_

// Writes adapters that lie inside frozen matrices (LinearWeights) to where
// products find them; to be called after they change. Called by ModelWeights,
// on the trainer's thread.

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "worker/model/layout.h"
#include "worker/model/weights.h"

namespace lockstep {

// lora.concatenated() holds.
absl::Status PackAdapters(const BlockShape& shape, const LoraOptions& lora,
                          absl::Span<const BlockWeights> blocks);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_PACK_ADAPTERS_H_
