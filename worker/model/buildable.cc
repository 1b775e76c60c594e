#include "worker/model/buildable.h"

#include <c10/core/ScalarType.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/contract/status_macros.h"
#include "worker/model/layout.h"

namespace lockstep {
namespace {

absl::Status CheckHeads(const ModelConfig& config, const Placement& placement) {
  if (placement.compute == c10::kFloat ||
      (config.head_dim % 8 == 0 && config.head_dim <= 256)) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError(
      absl::StrCat("head_dim ", config.head_dim,
                   ": a GPU attends with multiples of 8 up to 256"));
}

// The first generation whose matrix units multiply e4m3.
absl::Status CheckFp8Gpu(const GpuIdentity& gpu) {
  constexpr std::pair<int, int> kFirst = {8, 9};
  if (std::pair(gpu.major, gpu.minor) >= kFirst) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrFormat(
      "method.lora.base_dtype: fp8 wants a GPU of compute capability %d.%d or "
      "newer (Ada, Hopper, Blackwell); %s has %d.%d and trains with bf16",
      kFirst.first, kFirst.second, gpu.name, gpu.major, gpu.minor));
}

absl::Status CheckFp8Sides(const BlockShape& block) {
  constexpr int64_t kMultiple = 16;
  for (const LinearShape* linear : block.linears()) {
    if (linear->in % kMultiple == 0 && linear->out % kMultiple == 0) continue;
    return absl::UnimplementedError(absl::StrFormat(
        "method.lora.base_dtype: fp8 wants sides that are multiples of %d; %s, "
        "with what is fused with it, is %d x %d",
        kMultiple, linear->segments[0].module, linear->out, linear->in));
  }
  return absl::OkStatus();
}

absl::Status CheckFp8(const BlockShape& block, const Placement& placement,
                      const std::optional<GpuIdentity>& gpu) {
  if (placement.device.is_cpu()) {
    return absl::UnimplementedError(
        "method.lora.base_dtype: fp8 is for GPUs; a CPU has float32");
  }
  if (gpu.has_value()) RETURN_IF_ERROR(CheckFp8Gpu(*gpu));
  return CheckFp8Sides(block);
}

}  // namespace

std::optional<GpuIdentity> GpuOf(const Placement& placement) {
  if (placement.device.is_cpu()) return std::nullopt;
  absl::StatusOr<GpuIdentity> gpu =
      IdentifyGpu(placement.device.has_index() ? placement.device.index() : 0);
  if (!gpu.ok()) return std::nullopt;
  return *std::move(gpu);
}

absl::Status CheckBuildable(const ModelConfig& config, const Method& method,
                            const Placement& placement,
                            const std::optional<GpuIdentity>& gpu) {
  RETURN_IF_ERROR(CheckHeads(config, placement));
  const LoraOptions* lora = method.adapters();
  if (lora == nullptr || !lora->fp8_base) return absl::OkStatus();
  return CheckFp8(BlockShapeOf(config, method, placement), placement, gpu);
}

}  // namespace lockstep
