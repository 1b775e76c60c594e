#include "worker/train/gpu_presence.h"

#include <ATen/Context.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/gpu_identity.h"
#include "worker/train/rank_end.h"

namespace lockstep {

absl::Status CheckGpu(absl::string_view device, const Placement& placement) {
  if (placement.device.is_cpu() || at::hasCUDA()) return absl::OkStatus();
  const absl::Status driver = CheckGpuDriver();
  return WithCause(
      v1::Attempt::GPU_FAULT,
      absl::UnavailableError(absl::StrCat(
          device, ": ",
          driver.ok() ? "CUDA shows no such GPU; nvidia-smi -L lists what the "
                        "driver sees, and dmesg | grep -i xid why one is gone"
                      : driver.message())));
}

absl::StatusOr<std::string> GpuUuid() {
  absl::StatusOr<GpuIdentity> gpu = IdentifyGpu(/*index=*/0);
  if (!gpu.ok()) return WithCause(v1::Attempt::GPU_FAULT, gpu.status());
  return std::move(gpu->uuid);
}

}  // namespace lockstep
