#ifndef LOCKSTEP_WORKER_MODEL_VIEW_H_
#define LOCKSTEP_WORKER_MODEL_VIEW_H_

// A tensor as the kernels see it: the one bridge between ATen and kernels/.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "kernels/tensor_view.h"

namespace lockstep {

// The first `cols` columns of a float32 or bfloat16 matrix whose rows are
// contiguous.
inline TensorView View(const at::Tensor& matrix, int64_t cols) {
  return TensorView{
      .data = matrix.data_ptr(),
      .rows = matrix.size(0),
      .cols = cols,
      .stride = matrix.stride(0),
      .device = matrix.is_cuda() ? Device::kCuda : Device::kCpu,
      .dtype = matrix.scalar_type() == at::kBFloat16 ? DType::kBFloat16
                                                     : DType::kFloat32,
  };
}

// All of a matrix; a vector as one row; an undefined tensor as such.
inline TensorView View(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  if (tensor.dim() == 2) return View(tensor, tensor.size(1));
  TensorView row = View(tensor, tensor.size(0));
  row.rows = 1;
  row.stride = row.cols;
  return row;
}

// Null where the tensor is undefined.
inline float* Floats(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<float>() : nullptr;
}

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_VIEW_H_
