#include "worker/train/gpu_memory.h"

#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>

namespace lockstep {

std::optional<GpuMemory> GpuMemoryOf(const Placement& placement) {
  if (placement.device.is_cpu() || !at::hasCUDA()) return std::nullopt;
  at::globalContext().lazyInitDevice(placement.device.type());
  const auto [free, total] = c10::getDeviceAllocator(placement.device.type())
                                 ->getMemoryInfo(placement.device.index());
  return GpuMemory{.free_bytes = static_cast<int64_t>(free),
                   .total_bytes = static_cast<int64_t>(total)};
}

std::optional<GpuMemoryTaken> GpuMemoryTakenOf(const Placement& placement) {
  if (placement.device.is_cpu() || !at::hasCUDA()) return std::nullopt;
  const c10::CachingDeviceAllocator::DeviceStats stats =
      c10::getDeviceAllocator(placement.device.type())
          ->getDeviceStats(placement.device.index());
  constexpr auto kAll =
      static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return GpuMemoryTaken{.bytes = stats.allocated_bytes[kAll].current,
                        .peak_bytes = stats.allocated_bytes[kAll].peak};
}

}  // namespace lockstep
