#include "kernels/gpu_identity.h"

#include <cuda_runtime_api.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "kernels/cuda_status.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

std::string Version(int number) {
  return absl::StrCat(number / 1000, ".", number % 1000 / 10);
}

// 16 bytes as 8-4-4-4-12 digits.
std::string UuidText(const cudaUUID_t& uuid) {
  const std::string hex =
      absl::BytesToHexString(absl::string_view(uuid.bytes, sizeof(uuid.bytes)));
  const absl::string_view digits = hex;
  return absl::StrCat("GPU-", digits.substr(0, 8), "-", digits.substr(8, 4),
                      "-", digits.substr(12, 4), "-", digits.substr(16, 4), "-",
                      digits.substr(20));
}

}  // namespace

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
                     .minor = properties.minor,
                     .uuid = UuidText(properties.uuid)};
}

absl::Status CheckGpuDriver(int driver, int build) {
  if (driver / 1000 >= build / 1000) return absl::OkStatus();
  const std::string wanted = absl::StrCat("; this build needs one for CUDA ",
                                          Version(build / 1000 * 1000));
  if (driver == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("there is no driver for NVIDIA's GPUs (libcuda.so.1)",
                     wanted, " or newer"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the GPU's driver is for CUDA ", Version(driver), ", which is too old",
      wanted, " or newer, which nvidia-smi shows at its top"));
}

absl::Status CheckGpuDriver() {
  int driver = 0;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CudaStatus("ask for the driver", cudaDriverGetVersion(&driver)));
  return CheckGpuDriver(driver, CUDART_VERSION);
}

}  // namespace lockstep
