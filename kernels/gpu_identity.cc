#include "kernels/gpu_identity.h"

#include <cuda_runtime_api.h>

#include "kernels/cuda_status.h"

namespace lockstep {

absl::StatusOr<GpuIdentity> IdentifyGpu(int index) {
  cudaDeviceProp properties = {};
  absl::Status status = CudaStatus("identify the GPU",
                                   cudaGetDeviceProperties(&properties, index));
  if (!status.ok()) {
    // Or the next who asks how a kernel started gets this answer.
    cudaGetLastError();
    return status;
  }
  return GpuIdentity{.name = properties.name,
                     .major = properties.major,
                     .minor = properties.minor};
}

}  // namespace lockstep
