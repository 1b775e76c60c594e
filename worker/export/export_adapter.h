#ifndef LOCKSTEP_WORKER_EXPORT_EXPORT_ADAPTER_H_
#define LOCKSTEP_WORKER_EXPORT_EXPORT_ADAPTER_H_

// `lockstep-worker export --checkpoint DIR --base DIR --output DIR`, of a LoRA
// run: the adapter as a folder that PEFT loads, with the base's tokenizer, as a
// finished job leaves it.

#include <string>

#include "absl/status/status.h"
#include "worker/export/export_merged.h"

namespace lockstep {

// Whether the folder holds an adapter, and not a whole model.
bool HoldsAdapter(const std::string& checkpoint);

// As ExportMerged, but INVALID_ARGUMENT also for a dtype: an adapter is
// float32.
absl::Status ExportAdapter(const ExportOptions& options);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_EXPORT_EXPORT_ADAPTER_H_
