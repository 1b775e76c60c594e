#ifndef LOCKSTEP_WORKER_MODEL_FP8_MATRIX_H_
#define LOCKSTEP_WORKER_MODEL_FP8_MATRIX_H_

// Matrices in FP8: frozen weights, made once and with adapters behind their
// rows, and the activations that meet them, made just before. How numbers are
// kept is kernels/quantize_fp8.h and kernels/fp8_tail.h.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/memory/arena.h"
#include "worker/model/linear_scratch.h"

namespace lockstep {

// A tail of R columns takes 3 R.
struct Fp8Matrix {
  at::Tensor values_TK;  // Rows are Fp8RowBytes apart.
  at::Tensor scale_T;
  // Of weights with a tail; its first float is the factor of activations.
  at::Tensor tail_factor;
};

// A row begins on a line of the GPU's cache.
int64_t Fp8RowBytes(int64_t columns, int64_t tail);

// Undefined tensors on a measuring arena.
Fp8Matrix CarveFp8Weights(int64_t rows, int64_t columns, int64_t tail,
                          Arena& arena);

// All but the tail. A row that is less than 2^-8 of the matrix has the scale of
// one that is as large: FP8 reaches far below that, and rows of zeros have a
// scale that is of use to the adapters behind them.
absl::Status QuantizeWeights(const at::Tensor& matrix,
                             const Fp8Matrix& weights);

// [T, K + R] into the scratch, for a product with `weights`. They live until
// the next one.
absl::StatusOr<Fp8Matrix> QuantizeActivations(const at::Tensor& in_TK,
                                              int64_t tail,
                                              const Fp8Matrix& weights,
                                              const LinearScratch& scratch);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_FP8_MATRIX_H_
