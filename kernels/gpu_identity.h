#ifndef LOCKSTEP_KERNELS_GPU_IDENTITY_H_
#define LOCKSTEP_KERNELS_GPU_IDENTITY_H_

// Which GPU this is, which generation's instructions it has, and whether the
// driver can run this build.

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lockstep {

struct GpuIdentity {
  // Product name, for people.
  std::string name;
  // Compute capability, MAJOR.MINOR: 8.0 is A100, 8.9 Ada, 9.0 Hopper.
  int major = 0;
  int minor = 0;
  // GPU-8b3c...: as nvidia-smi -L lists it.
  std::string uuid;
};

// Of the GPU that CUDA numbers `index` in this process; begins CUDA there.
// UNIMPLEMENTED: this build has no CUDA. FAILED_PRECONDITION: no GPU, or a
// driver that is too old.
absl::StatusOr<GpuIdentity> IdentifyGpu(int index);

// FAILED_PRECONDITION: there is no driver for NVIDIA's GPUs, or it is older
// than the CUDA of this build; the message says what to install. UNIMPLEMENTED
// as above.
absl::Status CheckGpuDriver();

// The same of a driver for CUDA `driver` and a build with CUDA `build`, both
// 1000 * major + 10 * minor; 0: there is none. A driver runs what was built
// with any minor version of its own.
absl::Status CheckGpuDriver(int driver, int build);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_GPU_IDENTITY_H_
