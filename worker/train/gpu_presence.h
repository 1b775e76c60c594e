#ifndef LOCKSTEP_WORKER_TRAIN_GPU_PRESENCE_H_
#define LOCKSTEP_WORKER_TRAIN_GPU_PRESENCE_H_

// Whether CUDA shows the GPU that a rank was given.

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "worker/model/placement.h"

namespace lockstep {

// `device` is what the coordinator calls it. UNAVAILABLE, with the cause
// GPU_FAULT: there is no driver, it is too old, or it does not show this GPU.
absl::Status CheckGpu(absl::string_view device, const Placement& placement);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_GPU_PRESENCE_H_
