#ifndef LOCKSTEP_KERNELS_FP8_TAIL_H_
#define LOCKSTEP_KERNELS_FP8_TAIL_H_

// Writes matrices of adapters behind the rows of frozen ones in FP8, in the
// scales that those rows have, for rows of activations with a tail
// (kernels/quantize_fp8.h). N rows, R columns, c a factor of its own for each
// matrix (Fp8TailFactor in kernels/fp8.h):
//
//   c   = Fp8TailFactor(max_NR |in_NR / scale_N|)
//   v   = in_NR / scale_N / c
//   out = [hi(v) | lo(v) | hi(v)]
//
// so that scale_N * (c u) v is u times what was in_NR.

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "kernels/tensor_view.h"

namespace lockstep {

// The first float that `factor` points to is c, the others are scratch.
inline constexpr int64_t kFp8TailFactorFloats = 1 + 64;

struct Fp8Tail {
  uint8_t* out = nullptr;  // Of the first row, where its tail begins.
  int64_t out_stride = 0;  // Bytes from one row to the next.
  float* factor = nullptr;
  TensorView in;  // [N, R], or [R, N] if `transposed`.
  bool transposed = false;
  const float* scale_N = nullptr;
};

// All matrices are of one dtype on one device. INVALID_ARGUMENT: a null array,
// or a stride that does not hold three times R. Where anything of a matrix is
// not finite, all of its tail is a NaN, and c too.
absl::Status PackFp8Tails(absl::Span<const Fp8Tail> tails, Stream stream = {});
absl::Status PackFp8TailsCpu(absl::Span<const Fp8Tail> tails);
absl::Status PackFp8TailsCuda(absl::Span<const Fp8Tail> tails, Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_FP8_TAIL_H_
