#include "kernels/tensor_view.h"

#include "absl/strings/str_cat.h"

namespace lockstep {

absl::Status CheckShape(absl::string_view name, const TensorView& view,
                        int64_t rows, int64_t cols) {
  if (view.rows == rows && view.cols == cols &&
      (view.stride >= cols || rows <= 1) &&
      (view.defined() || rows == 0 || cols == 0)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": [", view.rows, ", ", view.cols, "] with stride ",
                   view.stride, view.defined() ? "" : " and no data",
                   " where [", rows, ", ", cols, "] is needed"));
}

absl::Status CheckOptionalShape(absl::string_view name, const TensorView& view,
                                int64_t rows, int64_t cols) {
  if (!view.defined()) return absl::OkStatus();
  return CheckShape(name, view, rows, cols);
}

absl::Status CheckArray(absl::string_view name, const void* array,
                        int64_t size) {
  if (array != nullptr || size == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": no data where ", size, " elements are needed"));
}

absl::Status CheckCpuFloat(absl::string_view name, const TensorView& view) {
  if (!view.defined() ||
      (view.device == Device::kCpu && view.dtype == DType::kFloat32)) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError(absl::StrCat(
      name, ": the CPU kernel takes float32 on the CPU, and this is ",
      DTypeName(view.dtype), " on device ", DeviceName(view.device)));
}

}  // namespace lockstep
