#include "worker/model/product.h"

#include <ATen/ATen.h>

namespace lockstep {
namespace {

// The CPU's _scaled_mm knows no scales of rows.
at::Tensor InFloats(const Fp8Matrix& matrix) {
  return matrix.values_TK.to(at::kFloat) * matrix.scale_T.unsqueeze(1);
}

}  // namespace

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

void Fp8Product(const at::Tensor& out_TN, const Fp8Matrix& a_TK,
                const Fp8Matrix& b_NK) {
  if (out_TN.is_cpu()) {
    Product(out_TN, InFloats(a_TK), InFloats(b_NK).t());
    return;
  }
  at::Tensor target = out_TN;
  at::_scaled_mm_out(target, a_TK.values_TK, b_NK.values_TK.t(),
                     a_TK.scale_T.unsqueeze(1), b_NK.scale_T.unsqueeze(0),
                     /*bias=*/{}, /*scale_result=*/{}, out_TN.scalar_type(),
                     /*use_fast_accum=*/true);
}

}  // namespace lockstep
