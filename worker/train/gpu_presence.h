#ifndef LOCKSTEP_WORKER_TRAIN_GPU_PRESENCE_H_
#define LOCKSTEP_WORKER_TRAIN_GPU_PRESENCE_H_

// Whether CUDA shows the GPU that a rank was given, and which it is.

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/model/placement.h"

namespace lockstep {

// `device` is what the coordinator calls it. UNAVAILABLE, with the cause
// GPU_FAULT: there is no driver, it is too old, or it does not show this GPU.
absl::Status CheckGpu(absl::string_view device, const Placement& placement);

// Of the one GPU that CUDA shows, as nvidia-smi -L lists it. GPU_FAULT: there
// is none.
absl::StatusOr<std::string> GpuUuid();

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_GPU_PRESENCE_H_
