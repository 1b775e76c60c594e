#ifndef LOCKSTEP_WORKER_MODEL_BUILDABLE_H_
#define LOCKSTEP_WORKER_MODEL_BUILDABLE_H_

// Whether a model can be trained by a method where it is placed, told before
// anything of it is read. Called by those who plan and by those who load.

#include <optional>

#include "absl/status/status.h"
#include "kernels/gpu_identity.h"
#include "worker/model/method.h"
#include "worker/model/model_config.h"
#include "worker/model/placement.h"

namespace lockstep {

// The GPU that is placed on. Nothing on the CPU, or where CUDA shows none.
std::optional<GpuIdentity> GpuOf(const Placement& placement);

// UNIMPLEMENTED: heads of a size that a GPU does not attend with; or a base in
// FP8 on the CPU, on a `gpu` that does not multiply in FP8, or of sides that
// are no multiples of 16. Without `gpu` nobody knows which it will be.
absl::Status CheckBuildable(const ModelConfig& config, const Method& method,
                            const Placement& placement,
                            const std::optional<GpuIdentity>& gpu);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_BUILDABLE_H_
