#include "worker/model/linear.h"

#include <ATen/ATen.h>

#include <utility>

#include "kernels/linear_bias.h"
#include "proto/contract/status_macros.h"
#include "worker/model/fp8_matrix.h"
#include "worker/model/product.h"
#include "worker/model/view.h"

namespace lockstep {
namespace {

at::Tensor Columns(const at::Tensor& matrix, int64_t begin, int64_t count) {
  return matrix.narrow(1, begin, count);
}

DropoutMask OfModule(DropoutMask mask, const LinearSegment& segment) {
  mask.offset += static_cast<uint64_t>(segment.number);
  return mask;
}

}  // namespace

Linear::Linear(LinearShape shape, const LoraOptions* lora)
    : shape_(std::move(shape)),
      inside_(lora != nullptr && lora->concatenated() ? shape_.tail : 0),
      r_(lora == nullptr ? 0 : lora->r),
      scale_(lora == nullptr ? 0 : lora->scale) {}

absl::Status Linear::Forward(const LinearWeights& weights,
                             const at::Tensor& x_TK, const at::Tensor& y_TN,
                             const DropoutMask& mask,
                             const LinearScratch& scratch) const {
  const int64_t in = shape_.in, out = shape_.out;
  RETURN_IF_ERROR(ForwardHidden(weights, x_TK, mask, scratch));
  const at::Tensor y = Columns(y_TN, 0, out);
  RETURN_IF_ERROR(BaseProduct(weights, /*transposed=*/false, y,
                              Columns(x_TK, 0, in + inside_), scratch));
  if (inside_ == 0) AddPlainAdapters(weights, x_TK, y);
  if (!weights.bias.defined()) return absl::OkStatus();
  return LinearBiasForward(View(y), View(weights.bias));
}

absl::Status Linear::BaseProduct(const LinearWeights& weights, bool transposed,
                                 const at::Tensor& out, const at::Tensor& in,
                                 const LinearScratch& scratch) const {
  if (weights.matrix.defined()) {
    Product(out, in,
            transposed ? Columns(weights.matrix, 0, shape_.in)
                       : weights.matrix.narrow(0, 0, shape_.out).t());
    return absl::OkStatus();
  }
  const Fp8Matrix& matrix = transposed ? weights.fp8_transposed : weights.fp8;
  ASSIGN_OR_RETURN(const Fp8Matrix quantized,
                   QuantizeActivations(in, inside_, matrix, scratch));
  Fp8Product(out, quantized, matrix);
  return absl::OkStatus();
}

absl::Status Linear::ForwardHidden(const LinearWeights& weights,
                                   const at::Tensor& x_TK,
                                   const DropoutMask& mask,
                                   const LinearScratch& scratch) const {
  const int64_t in = shape_.in;
  if (inside_ > 0) {
    Product(Columns(x_TK, in, inside_), Columns(x_TK, 0, in),
            weights.stacked_a.t());
    return absl::OkStatus();
  }
  size_t number = 0;
  for (const LinearSegment& segment : shape_.segments) {
    if (!segment.adapted) continue;
    ASSIGN_OR_RETURN(const at::Tensor input,
                     AdapterInput(x_TK, segment, mask, scratch));
    Product(Columns(x_TK, in + segment.column, r_), input,
            weights.adapters[number++].a.t());
  }
  return absl::OkStatus();
}

void Linear::AddPlainAdapters(const LinearWeights& weights,
                              const at::Tensor& x_TK,
                              const at::Tensor& y_TN) const {
  size_t number = 0;
  for (const LinearSegment& segment : shape_.segments) {
    if (!segment.adapted) continue;
    AddProduct(Columns(y_TN, segment.row, segment.rows),
               Columns(x_TK, shape_.in + segment.column, r_),
               weights.adapters[number++].b.t(), scale_);
  }
}

absl::StatusOr<at::Tensor> Linear::AdapterInput(
    const at::Tensor& x_TK, const LinearSegment& segment,
    const DropoutMask& mask, const LinearScratch& scratch) const {
  at::Tensor input = Columns(x_TK, 0, shape_.in);
  if (mask.p == 0) return input;
  at::Tensor dropped = Columns(scratch.dropped_TK, 0, shape_.in);
  RETURN_IF_ERROR(Dropout(View(dropped), View(input), OfModule(mask, segment)));
  return dropped;
}

absl::Status Linear::Backward(const LinearWeights& weights,
                              LinearGradients& gradients,
                              const at::Tensor& x_TK, const at::Tensor& dy_TN,
                              const at::Tensor& dx_TK, const DropoutMask& mask,
                              const LinearScratch& scratch) const {
  const int64_t in = shape_.in, out = shape_.out;
  const at::Tensor dy = Columns(dy_TN, 0, out);
  if (gradients.matrix.defined()) {
    AddProduct(gradients.matrix, dy.t(), Columns(x_TK, 0, in));
  }
  if (gradients.bias.defined()) {
    RETURN_IF_ERROR(LinearBiasBackward(Floats(gradients.bias), View(dy)));
  }
  if (inside_ > 0) {
    Product(Columns(dy_TN, out, inside_), dy, weights.scaled_b);
    AddAdapterGradients(gradients, x_TK, dy_TN);
  } else {
    RETURN_IF_ERROR(AddPlainAdapterGradients(weights, gradients, x_TK, dy_TN,
                                             mask, scratch));
  }
  if (!dx_TK.defined()) return absl::OkStatus();
  // Below this line x_TK is not read, so that dx may take its place.
  const at::Tensor dx = Columns(dx_TK, 0, in);
  RETURN_IF_ERROR(BaseProduct(weights, /*transposed=*/true, dx,
                              Columns(dy_TN, 0, out + inside_), scratch));
  if (inside_ > 0) return absl::OkStatus();
  return AddPlainInputGradients(weights, dy_TN, dx, mask, scratch);
}

void Linear::AddAdapterGradients(LinearGradients& gradients,
                                 const at::Tensor& x_TK,
                                 const at::Tensor& dy_TN) const {
  size_t number = 0;
  for (const LinearSegment& segment : shape_.segments) {
    if (!segment.adapted) continue;
    Adapter& gradient = gradients.adapters[number++];
    // dh came from the scaled B, so dA needs no scale; dB does.
    AddProduct(gradient.a, Columns(dy_TN, shape_.out + segment.column, r_).t(),
               Columns(x_TK, 0, shape_.in));
    AddProduct(gradient.b, Columns(dy_TN, segment.row, segment.rows).t(),
               Columns(x_TK, shape_.in + segment.column, r_), scale_);
  }
}

absl::Status Linear::AddPlainAdapterGradients(
    const LinearWeights& weights, LinearGradients& gradients,
    const at::Tensor& x_TK, const at::Tensor& dy_TN, const DropoutMask& mask,
    const LinearScratch& scratch) const {
  size_t number = 0;
  for (const LinearSegment& segment : shape_.segments) {
    if (!segment.adapted) continue;
    const Adapter& adapter = weights.adapters[number];
    Adapter& gradient = gradients.adapters[number];
    ++number;
    const at::Tensor dy = Columns(dy_TN, segment.row, segment.rows);
    const at::Tensor h = Columns(x_TK, shape_.in + segment.column, r_);
    const at::Tensor dh = Columns(dy_TN, shape_.out + segment.column, r_);
    Product(dh, dy, adapter.b);
    AddProduct(gradient.b, dy.t(), h, scale_);
    ASSIGN_OR_RETURN(const at::Tensor input,
                     AdapterInput(x_TK, segment, mask, scratch));
    AddProduct(gradient.a, dh.t(), input, scale_);
  }
  return absl::OkStatus();
}

absl::Status Linear::AddPlainInputGradients(
    const LinearWeights& weights, const at::Tensor& dy_TN,
    const at::Tensor& dx_TK, const DropoutMask& mask,
    const LinearScratch& scratch) const {
  size_t number = 0;
  for (const LinearSegment& segment : shape_.segments) {
    if (!segment.adapted) continue;
    const Adapter& adapter = weights.adapters[number++];
    const at::Tensor dh = Columns(dy_TN, shape_.out + segment.column, r_);
    if (mask.p == 0) {
      AddProduct(dx_TK, dh, adapter.a, scale_);
      continue;
    }
    const at::Tensor input = Columns(scratch.dropped_TK, 0, shape_.in);
    Product(input, dh, adapter.a);
    RETURN_IF_ERROR(Dropout(View(input), View(input), OfModule(mask, segment)));
    dx_TK.add_(input, scale_);
  }
  return absl::OkStatus();
}

}  // namespace lockstep
