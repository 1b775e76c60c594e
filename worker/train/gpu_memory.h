#ifndef LOCKSTEP_WORKER_TRAIN_GPU_MEMORY_H_
#define LOCKSTEP_WORKER_TRAIN_GPU_MEMORY_H_

#include <cstdint>
#include <optional>

#include "worker/model/placement.h"

namespace lockstep {

struct GpuMemory {
  int64_t free_bytes = 0;
  int64_t total_bytes = 0;
};

// Of the GPU that is placed on; nothing on the CPU, or where CUDA shows no GPU.
// Begins CUDA in this process, which takes kCudaContextBytes
// (worker/model/memory_needs.h) of what was free.
std::optional<GpuMemory> GpuMemoryOf(const Placement& placement);

// What this process has taken for its tensors there.
struct GpuMemoryTaken {
  int64_t bytes = 0;
  int64_t peak_bytes = 0;  // Since the process began.
};

// Nothing on the CPU. Asks the allocator and not the driver, so it costs
// nothing and waits for nothing.
std::optional<GpuMemoryTaken> GpuMemoryTakenOf(const Placement& placement);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_GPU_MEMORY_H_
