#ifndef LOCKSTEP_KERNELS_QUANTIZE_FP8_H_
#define LOCKSTEP_KERNELS_QUANTIZE_FP8_H_

// Rows in FP8 (e4m3, arXiv:2209.05433), each with a scale of its own, so that
// its largest magnitude becomes 448, the largest of the format. T rows, K
// columns, and behind them R of a tail, which are multiplied by a factor c and
// written as three columns each (kernels/fp8.h), all R of a kind together.
//
//   m_T     = max(max_K |in_TK|, c max_R |in_TR|, least)
//   scale_T = m_T / 448
//   u       = in_T * (448 / m_T), in a tail c in_T * (448 / m_T)
//   out_T   = [e4m3(u_K) | hi(u_R) | e4m3(hi(u_R) / 16) | lo(u_R)]
//
// e4m3 rounds to the nearest, ties to even.

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/tensor_view.h"

namespace lockstep {

struct QuantizeFp8Args {
  uint8_t* out = nullptr;
  int64_t out_stride = 0;  // Bytes from one row to the next, K + 3 R or more.
  float* scale_T = nullptr;
  TensorView in;                       // [T, K + R]
  int64_t tail = 0;                    // R
  const float* tail_factor = nullptr;  // c, on the device of `in`.
  float least = 1e-12f;                // Above zero.
};

// INVALID_ARGUMENT: a null array, or sizes that do not fit. What is not finite
// in a row, or in c, makes the row so.
absl::Status QuantizeFp8(const QuantizeFp8Args& args, Stream stream = {});
absl::Status QuantizeFp8Cpu(const QuantizeFp8Args& args);
absl::Status QuantizeFp8Cuda(const QuantizeFp8Args& args, Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_QUANTIZE_FP8_H_
