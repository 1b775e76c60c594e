#include "worker/model/product.h"

#include <ATen/ATen.h>

namespace lockstep {

void Product(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b) {
  at::Tensor target = out;
  at::mm_out(target, a, b);
}

void AddProduct(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b,
                double scale) {
  at::Tensor target = out;
  if (a.scalar_type() == out.scalar_type()) {
    at::addmm_out(target, target, a, b, /*beta=*/1, /*alpha=*/scale);
  } else {
    at::addmm_out(target, target, a, b, out.scalar_type(), /*beta=*/1,
                  /*alpha=*/scale);
  }
}

}  // namespace lockstep
