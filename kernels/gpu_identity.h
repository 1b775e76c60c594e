#ifndef LOCKSTEP_KERNELS_GPU_IDENTITY_H_
#define LOCKSTEP_KERNELS_GPU_IDENTITY_H_

// Which GPU this is, and which generation's instructions it has.

#include <string>

#include "absl/status/statusor.h"

namespace lockstep {

struct GpuIdentity {
  // Product name, for people.
  std::string name;
  // Compute capability, MAJOR.MINOR: 8.0 is A100, 8.9 Ada, 9.0 Hopper.
  int major = 0;
  int minor = 0;
};

// Of the GPU that CUDA numbers `index` in this process; begins CUDA there.
// UNIMPLEMENTED: this build has no CUDA. FAILED_PRECONDITION: no GPU, or a
// driver that is too old.
absl::StatusOr<GpuIdentity> IdentifyGpu(int index);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_GPU_IDENTITY_H_
