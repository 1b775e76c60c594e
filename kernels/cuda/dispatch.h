#ifndef LOCKSTEP_KERNELS_CUDA_DISPATCH_H_
#define LOCKSTEP_KERNELS_CUDA_DISPATCH_H_

// From views to a kernel: the checks that all CUDA twins share, and the choice
// of the element type and of the width of an access.

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "kernels/cuda_status.h"
#include "kernels/status.h"
#include "kernels/tensor_view.h"

namespace lockstep::cuda {

inline constexpr int kAccessBytes = 16;

inline cudaStream_t Handle(Stream stream) {
  return static_cast<cudaStream_t>(stream.handle);
}

inline int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Threads for a row of `items`, of which each thread takes `per_thread`: whole
// warps, at most `most`.
inline int ThreadsFor(int64_t items, int per_thread, int most = 1024) {
  const int64_t warps = CeilDivide(CeilDivide(items, per_thread), 32);
  return static_cast<int>(std::clamp<int64_t>(warps * 32, 32, most));
}

inline bool IsAligned(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % kAccessBytes == 0;
}

// Whether every row starts on, and its columns fill, whole accesses. Undefined
// views are.
inline bool IsAligned(const TensorView& view) {
  const int64_t size = view.dtype == DType::kBFloat16 ? 2 : 4;
  return IsAligned(view.data) &&
         (view.rows <= 1 || view.stride * size % kAccessBytes == 0) &&
         view.cols * size % kAccessBytes == 0;
}

// INVALID_ARGUMENT naming `op` unless every defined view is on the GPU and of
// this dtype.
inline absl::Status CheckViews(absl::string_view op, DType dtype,
                               std::initializer_list<TensorView> views) {
  for (const TensorView& view : views) {
    if (!view.defined()) continue;
    if (view.device != Device::kCuda || view.dtype != dtype) {
      return absl::InvalidArgumentError(
          absl::StrCat(op, ": a ", DTypeName(view.dtype), " tensor on device ",
                       DeviceName(view.device), " where the others are ",
                       DTypeName(dtype), " on cuda"));
    }
  }
  return absl::OkStatus();
}

// launch.operator()<T, kWidth>().
template <typename T, typename Launch>
void WithWidth(bool aligned, const Launch& launch) {
  if (aligned) {
    launch.template operator()<T, kAccessBytes / int{sizeof(T)}>();
  } else {
    launch.template operator()<T, 1>();
  }
}

template <typename Launch>
void WithDType(DType dtype, bool aligned, const Launch& launch) {
  if (dtype == DType::kBFloat16) {
    WithWidth<__nv_bfloat16>(aligned, launch);
  } else {
    WithWidth<float>(aligned, launch);
  }
}

// Launches for views of one dtype, all of which a thread reads or writes at the
// same columns.
template <typename Launch>
absl::Status LaunchOn(absl::string_view op,
                      std::initializer_list<TensorView> views,
                      const Launch& launch) {
  const DType dtype = views.begin()->dtype;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckViews(op, dtype, views));
  const bool aligned =
      std::all_of(views.begin(), views.end(),
                  [](const TensorView& view) { return IsAligned(view); });
  WithDType(dtype, aligned, launch);
  return CudaStatus(op, cudaGetLastError());
}

}  // namespace lockstep::cuda

#endif  // LOCKSTEP_KERNELS_CUDA_DISPATCH_H_
