#include "kernels/cuda_status.h"

#include "absl/strings/str_cat.h"

namespace lockstep {
namespace {

absl::StatusCode CodeOf(cudaError_t error) {
  switch (error) {
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
    case cudaErrorNoKernelImageForDevice:
      return absl::StatusCode::kFailedPrecondition;
    case cudaErrorMemoryAllocation:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status CudaStatus(absl::string_view op, cudaError_t error) {
  if (error == cudaSuccess) return absl::OkStatus();
  return {CodeOf(error), absl::StrCat(op, ": ", cudaGetErrorName(error), ": ",
                                      cudaGetErrorString(error))};
}

}  // namespace lockstep
