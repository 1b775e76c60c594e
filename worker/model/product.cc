#include "worker/model/product.h"

#include <ATen/ATen.h>

#include "kernels/cpu/small_product.h"

namespace lockstep {
namespace {

ProductFactor FactorOf(const at::Tensor& matrix) {
  return {.data = matrix.const_data_ptr<float>(),
          .rows = matrix.size(0),
          .cols = matrix.size(1),
          .row_stride = matrix.stride(0),
          .col_stride = matrix.stride(1)};
}

// Whether the kernel for small matrices can take it, and is the fastest.
bool IsSmall(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b) {
  return out.is_cpu() && out.scalar_type() == at::kFloat &&
         a.scalar_type() == at::kFloat && b.scalar_type() == at::kFloat &&
         out.stride(1) == 1 &&
         SmallProductPays(a.size(0), b.size(1), a.size(1));
}

// The CPU's _scaled_mm knows no scales of rows.
at::Tensor InFloats(const Fp8Matrix& matrix) {
  return matrix.values_TK.to(at::kFloat) * matrix.scale_T.unsqueeze(1);
}

}  // namespace

void Product(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b) {
  if (IsSmall(out, a, b)) {
    SmallProductCpu({.out = out.mutable_data_ptr<float>(),
                     .out_stride = out.stride(0),
                     .a = FactorOf(a),
                     .b = FactorOf(b)});
    return;
  }
  at::Tensor target = out;
  at::mm_out(target, a, b);
}

void AddProduct(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b,
                double scale) {
  if (IsSmall(out, a, b)) {
    SmallProductCpu({.out = out.mutable_data_ptr<float>(),
                     .out_stride = out.stride(0),
                     .a = FactorOf(a),
                     .b = FactorOf(b),
                     .scale = static_cast<float>(scale),
                     .add = true});
    return;
  }
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
