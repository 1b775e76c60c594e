#ifndef LOCKSTEP_KERNELS_DTYPE_H_
#define LOCKSTEP_KERNELS_DTYPE_H_

// Where a tensor's memory is and how its elements are stored, and the queue on
// which a kernel runs. Accumulation is float32 (or wider) whatever the storage.

#include "absl/strings/string_view.h"

namespace lockstep {

enum class Device { kCpu, kCuda };

enum class DType { kFloat32, kBFloat16 };

absl::string_view DeviceName(Device device);  // "cpu"
absl::string_view DTypeName(DType dtype);     // "float32"

// A cudaStream_t, opaque so that CPU builds need no CUDA header. Always the
// last parameter. The CPU twins ignore it and are done when they return.
struct Stream {
  void* handle = nullptr;
};

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_DTYPE_H_
