#ifndef LOCKSTEP_KERNELS_GLOBAL_NORM_H_
#define LOCKSTEP_KERNELS_GLOBAL_NORM_H_

// The sum of squares of a flat float32 buffer, in double and in an order that
// depends on the size only: replicas that clip by it stay equal bit by bit.
// Its square root is the global norm of the gradients.

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/dtype.h"

namespace lockstep {

// Doubles of scratch memory that the GPU's kernel needs, whatever the size.
inline constexpr int64_t kSquaredSumScratch = 528;

struct SquaredSumArgs {
  double* sum = nullptr;  // Overwritten; on `device`.
  const float* values = nullptr;
  int64_t size = 0;
  Device device = Device::kCpu;
  // [kSquaredSumScratch] on the GPU, for this call's own; null on the CPU.
  double* scratch = nullptr;
};

// INVALID_ARGUMENT: a null buffer or a negative size.
absl::Status SquaredSum(const SquaredSumArgs& args, Stream stream = {});
absl::Status SquaredSumCpu(const SquaredSumArgs& args);
absl::Status SquaredSumCuda(const SquaredSumArgs& args, Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_GLOBAL_NORM_H_
