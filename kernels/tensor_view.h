#ifndef LOCKSTEP_KERNELS_TENSOR_VIEW_H_
#define LOCKSTEP_KERNELS_TENSOR_VIEW_H_

// What a kernel sees of a tensor: a row-major matrix with a row stride, on a
// device. Views own nothing and are passed by value. The columns from `cols` to
// `stride` belong to somebody else (the tail of a K-concatenated activation):
// kernels neither read nor write them. Arrays that are float32 or int32 for
// good (losses, positions, flat optimizer buffers) are plain pointers, on the
// same device.

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "kernels/dtype.h"

namespace lockstep {

struct TensorView {
  void* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;  // Elements from one row to the next.
  Device device = Device::kCpu;
  DType dtype = DType::kFloat32;

  // Optional operands are left undefined.
  bool defined() const { return data != nullptr; }
  // Of a float32 view on the CPU.
  float* FloatRow(int64_t row) const {
    return static_cast<float*>(data) + row * stride;
  }
};

// INVALID_ARGUMENT naming `name`, what it is and what is needed, unless the
// view is [rows, cols] with a stride that holds its columns.
absl::Status CheckShape(absl::string_view name, const TensorView& view,
                        int64_t rows, int64_t cols);

// CheckShape, or OK for an undefined view.
absl::Status CheckOptionalShape(absl::string_view name, const TensorView& view,
                                int64_t rows, int64_t cols);

// INVALID_ARGUMENT naming `name` if a needed array of `size` elements is null.
absl::Status CheckArray(absl::string_view name, const void* array,
                        int64_t size);

// UNIMPLEMENTED naming `name` unless the view is undefined, or float32 on the
// CPU: the CPU twins compute in float32 whatever the file's dtype.
absl::Status CheckCpuFloat(absl::string_view name, const TensorView& view);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_TENSOR_VIEW_H_
