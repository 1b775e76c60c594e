#ifndef LOCKSTEP_KERNELS_CUDA_STATUS_H_
#define LOCKSTEP_KERNELS_CUDA_STATUS_H_

// The one place where an error of the CUDA runtime becomes a Status.

#include <cuda_runtime_api.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lockstep {

// FAILED_PRECONDITION: no GPU, or a driver that cannot run this build.
// RESOURCE_EXHAUSTED: its memory is full. INTERNAL: all else. The message names
// `op` and what CUDA says.
absl::Status CudaStatus(absl::string_view op, cudaError_t error);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_CUDA_STATUS_H_
