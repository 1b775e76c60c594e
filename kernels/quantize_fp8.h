#ifndef LOCKSTEP_KERNELS_QUANTIZE_FP8_H_
#define LOCKSTEP_KERNELS_QUANTIZE_FP8_H_

// Rows in FP8 (e4m3, arXiv:2209.05433), each with a scale of its own, so that
// its largest magnitude becomes 448, the largest of the format. T rows, K
// columns.
//
//   m_T     = max(max_K |in_TK|, 1e-12)
//   scale_T = m_T / 448
//   out_TK  = e4m3(in_TK * (448 / m_T)), rounded to the nearest, ties to even

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/tensor_view.h"

namespace lockstep {

struct QuantizeFp8Args {
  uint8_t* out_TK = nullptr;  // Rows one after another, without a gap.
  float* scale_T = nullptr;
  TensorView in_TK;
};

// INVALID_ARGUMENT: a null array, or a view that is no matrix. What is not
// finite in a row makes the row so.
absl::Status QuantizeFp8(const QuantizeFp8Args& args, Stream stream = {});
absl::Status QuantizeFp8Cpu(const QuantizeFp8Args& args);
absl::Status QuantizeFp8Cuda(const QuantizeFp8Args& args, Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_QUANTIZE_FP8_H_
