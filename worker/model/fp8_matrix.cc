#include "worker/model/fp8_matrix.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "kernels/fp8.h"
#include "kernels/fp8_tail.h"
#include "kernels/quantize_fp8.h"
#include "proto/contract/status_macros.h"
#include "worker/model/view.h"

namespace lockstep {
namespace {

int64_t Fp8Columns(int64_t columns, int64_t tail) {
  return columns + kFp8TailParts * tail;
}

QuantizeFp8Args ArgsOf(const at::Tensor& in, const Fp8Matrix& out) {
  return {.out = static_cast<uint8_t*>(out.values_TK.data_ptr()),
          .out_stride = out.values_TK.stride(0),
          .scale_T = out.scale_T.data_ptr<float>(),
          .in = View(in)};
}

}  // namespace

int64_t Fp8RowBytes(int64_t columns, int64_t tail) {
  constexpr int64_t kLine = 128;
  return (Fp8Columns(columns, tail) + kLine - 1) / kLine * kLine;
}

Fp8Matrix CarveFp8Weights(int64_t rows, int64_t columns, int64_t tail,
                          Arena& arena) {
  Fp8Matrix matrix = {
      .values_TK =
          arena.Take({rows, Fp8RowBytes(columns, tail)}, at::kFloat8_e4m3fn),
      .scale_T = arena.Take({rows})};
  if (tail > 0) matrix.tail_factor = arena.Take({kFp8TailFactorFloats});
  if (!arena.measuring()) {
    matrix.values_TK = matrix.values_TK.narrow(1, 0, Fp8Columns(columns, tail));
  }
  return matrix;
}

absl::Status QuantizeWeights(const at::Tensor& matrix,
                             const Fp8Matrix& weights) {
  constexpr float kLeastOfAll = 0x1p-8f;
  const float largest = std::max(std::fabs(matrix.max().item<float>()),
                                 std::fabs(matrix.min().item<float>()));
  QuantizeFp8Args args = ArgsOf(matrix, weights);
  args.least = std::max(args.least, kLeastOfAll * largest);
  return QuantizeFp8(args);
}

absl::StatusOr<Fp8Matrix> QuantizeActivations(const at::Tensor& in_TK,
                                              int64_t tail,
                                              const Fp8Matrix& weights,
                                              const LinearScratch& scratch) {
  const int64_t rows = in_TK.size(0), columns = in_TK.size(1) - tail;
  const int64_t row_bytes = Fp8RowBytes(columns, tail);
  Fp8Matrix quantized = {
      .values_TK = scratch.fp8_bytes.narrow(0, 0, rows * row_bytes)
                       .view(at::kFloat8_e4m3fn)
                       .view({rows, row_bytes})
                       .narrow(1, 0, Fp8Columns(columns, tail)),
      .scale_T = scratch.fp8_scale_T.narrow(0, 0, rows)};
  QuantizeFp8Args args = ArgsOf(in_TK, quantized);
  args.tail = tail;
  args.tail_factor = Floats(weights.tail_factor);
  RETURN_IF_ERROR(QuantizeFp8(args));
  return quantized;
}

}  // namespace lockstep
