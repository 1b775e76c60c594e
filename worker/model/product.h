#ifndef LOCKSTEP_WORKER_MODEL_PRODUCT_H_
#define LOCKSTEP_WORKER_MODEL_PRODUCT_H_

// Matrix products into buffers that exist. Operands may be transposed and have
// wide rows; BLAS takes them as they are.

#include <ATen/core/Tensor.h>

namespace lockstep {

// out = a b.
void Product(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b);

// out += scale * a b.
void AddProduct(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b,
                double scale = 1.0);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_PRODUCT_H_
