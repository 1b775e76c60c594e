#ifndef LOCKSTEP_WORKER_MODEL_PRODUCT_H_
#define LOCKSTEP_WORKER_MODEL_PRODUCT_H_

// Matrix products into buffers that exist. Operands may be transposed and have
// wide rows; BLAS takes them as they are.

#include <ATen/core/Tensor.h>

#include "worker/model/fp8_matrix.h"

namespace lockstep {

// out = a b.
void Product(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b);

// out += scale * a b.
void AddProduct(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b,
                double scale = 1.0);

// out = a b^T of matrices in FP8: in bfloat16 on a GPU, in float32 on the CPU.
void Fp8Product(const at::Tensor& out_TN, const Fp8Matrix& a_TK,
                const Fp8Matrix& b_NK);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_PRODUCT_H_
