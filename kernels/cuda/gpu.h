#ifndef LOCKSTEP_KERNELS_CUDA_GPU_H_
#define LOCKSTEP_KERNELS_CUDA_GPU_H_

// What a launch asks about the current GPU.

#include <cuda_runtime.h>

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernels/cuda_status.h"
#include "kernels/status.h"

namespace lockstep::cuda {

// Of shared memory, for what is declared in a kernel.
inline constexpr int64_t kReservedBytes = 1024;

struct Gpu {
  bool has_clusters;
  int64_t shared_bytes;  // That a launch may ask for, for one block.
  int processors;
};

inline absl::StatusOr<Gpu> CurrentGpu(absl::string_view op) {
  int device = 0, clusters = 0, bytes = 0, processors = 0;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CudaStatus(op, cudaGetDevice(&device)));
  for (const auto& [attribute, value] :
       {std::pair{cudaDevAttrClusterLaunch, &clusters},
        std::pair{cudaDevAttrMaxSharedMemoryPerBlockOptin, &bytes},
        std::pair{cudaDevAttrMultiProcessorCount, &processors}}) {
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(
        CudaStatus(op, cudaDeviceGetAttribute(value, attribute, device)));
  }
  return Gpu{.has_clusters = clusters != 0,
             .shared_bytes = bytes - kReservedBytes,
             .processors = processors};
}

}  // namespace lockstep::cuda

#endif  // LOCKSTEP_KERNELS_CUDA_GPU_H_
