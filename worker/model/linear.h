#ifndef LOCKSTEP_WORKER_MODEL_LINEAR_H_
#define LOCKSTEP_WORKER_MODEL_LINEAR_H_

// y = x W^T + b, with or without low-rank adapters, forward and backward.
//
// Shapes: T tokens, K = in, N = out, R = tail (columns of all adapters).
// x_TK is a buffer [T, K + R] whose tail receives h = x A^T in Forward and
// must still hold it in Backward; dy_TN is [T, N + R], its tail receives dh.
// With concatenated adapters each direction is then one product:
//   y = [x | h] [W | sB]^T        dx = [dy | dh] [W ; A]
// B is block-diagonal over the segments of a fused matrix. With a base in FP8
// the tails are three columns for one (kernels/fp8.h), so that they keep what
// bfloat16 has of them. Otherwise (dropout, rank above 64) each adapter costs
// products of its own: the plain path.
//
// Immutable and thread-compatible; everything it works on is handed in.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/dropout.h"
#include "worker/model/layout.h"
#include "worker/model/linear_scratch.h"
#include "worker/model/weights.h"

namespace lockstep {

class Linear {
 public:
  // `lora` may be null.
  Linear(LinearShape shape, const LoraOptions* lora);

  // `mask` is that of the block's first module; probability 0 drops nothing.
  absl::Status Forward(const LinearWeights& weights, const at::Tensor& x_TK,
                       const at::Tensor& y_TN, const DropoutMask& mask,
                       const LinearScratch& scratch) const;

  // Only x_TK's tail, as Forward writes it.
  absl::Status ForwardHidden(const LinearWeights& weights,
                             const at::Tensor& x_TK, const DropoutMask& mask,
                             const LinearScratch& scratch) const;

  // Adds to `gradients`; writes dx_TK ([T, K] or wider) if it is defined, which
  // may lie in the place of x_TK. `mask` and `scratch` as in Forward.
  absl::Status Backward(const LinearWeights& weights,
                        LinearGradients& gradients, const at::Tensor& x_TK,
                        const at::Tensor& dy_TN, const at::Tensor& dx_TK,
                        const DropoutMask& mask,
                        const LinearScratch& scratch) const;

 private:
  void AddPlainAdapters(const LinearWeights& weights, const at::Tensor& x_TK,
                        const at::Tensor& y_TN) const;
  absl::Status AddPlainAdapterGradients(const LinearWeights& weights,
                                        LinearGradients& gradients,
                                        const at::Tensor& x_TK,
                                        const at::Tensor& dy_TN,
                                        const DropoutMask& mask,
                                        const LinearScratch& scratch) const;
  absl::Status AddPlainInputGradients(const LinearWeights& weights,
                                      const at::Tensor& dy_TN,
                                      const at::Tensor& dx_TK,
                                      const DropoutMask& mask,
                                      const LinearScratch& scratch) const;
  void AddAdapterGradients(LinearGradients& gradients, const at::Tensor& x_TK,
                           const at::Tensor& dy_TN) const;
  // out = in W^T, or in W, with the tails of concatenated adapters. With a base
  // in FP8 `in` is quantised into `scratch`.
  absl::Status BaseProduct(const LinearWeights& weights, bool transposed,
                           const at::Tensor& out, const at::Tensor& in,
                           const LinearScratch& scratch) const;
  // What A sees: the first K columns of x_TK, or of `scratch` with those of
  // x_TK dropped.
  absl::StatusOr<at::Tensor> AdapterInput(const at::Tensor& x_TK,
                                          const LinearSegment& segment,
                                          const DropoutMask& mask,
                                          const LinearScratch& scratch) const;

  const LinearShape shape_;
  // Columns of concatenated adapters: the shape's tail, or none.
  const int64_t inside_;
  const int64_t r_;
  const double scale_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_LINEAR_H_
