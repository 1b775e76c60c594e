#ifndef LOCKSTEP_KERNELS_CPU_ATTENTION_TILE_H_
#define LOCKSTEP_KERNELS_CPU_ATTENTION_TILE_H_

// The small matrix products of attention_cpu_{forward,backward}.cc. One side is
// a block of N tokens, a token in each lane (transposed: [D, N]); the other is
// a tile of eight packed rows, whose values are broadcast. So heads of 8 values
// fill the vectors as well as heads of 128, and softmax needs no sum over
// lanes.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "absl/status/status.h"
#include "kernels/attention.h"
#include "kernels/cpu/simd.h"
#include "kernels/tensor_view.h"

namespace lockstep::attention {

inline constexpr int64_t kMaxHeadDim = 256;
inline constexpr int kTile = 8;

inline constexpr float kLn2 = std::numbers::ln2_v<float>;
inline constexpr float kLog2E = std::numbers::log2e_v<float>;

// From q . k to a score in base 2, which spares an operation for each weight.
inline float ScoreScale(int64_t head_dim) {
  return static_cast<float>(std::numbers::log2e / std::sqrt(head_dim));
}

// Rows [begin, end) of the batch.
struct Document {
  int64_t begin;
  int64_t end;
};

// Rows of a packed document: whole tiles, and whole blocks of up to 16 lanes.
inline int64_t PaddedTokens(int64_t tokens) { return (tokens + 15) / 16 * 16; }

// out_TD: head_dim columns of rows [begin, end), times `scale`, and zero in the
// padding.
LOCKSTEP_INLINE void PackRows(float* out_TD, const TensorView& view,
                              int64_t begin, int64_t end, int64_t column,
                              int64_t head_dim, float scale) {
  for (int64_t t = begin; t < end; ++t) {
    const float* row = view.FloatRow(t) + column;
    for (int64_t d = 0; d < head_dim; ++d) *out_TD++ = row[d] * scale;
  }
  const int64_t missing = PaddedTokens(end - begin) - (end - begin);
  std::fill_n(out_TD, missing * head_dim, 0.0f);
}

// sums[r] += sum_K(a_KN[k] * tile_RK[r][k])
template <int N>
LOCKSTEP_INLINE void AddDots(simd::Float<N> (&sums)[kTile], const float* a_KN,
                             int64_t a_stride, const float* tile_RK,
                             int64_t tile_stride, int64_t size) {
#pragma GCC unroll 8
  for (int64_t k = 0; k < size; ++k) {
    const simd::Float<N> a = simd::Load<N>(a_KN + k * a_stride);
    for (int r = 0; r < kTile; ++r) {
      sums[r] += a * tile_RK[r * tile_stride + k];
    }
  }
}

// out_DN[d] += sum_R(weights[r] * rows_RD[r][d]). Eight columns at a time,
// whose sums stay in registers for all rows.
template <int N>
LOCKSTEP_INLINE void AddWeighted(float* out_DN, const simd::Float<N>* weights,
                                 const float* rows_RD, int64_t rows,
                                 int64_t head_dim) {
  constexpr int kColumns = 8;
  int64_t d = 0;
  for (; d + kColumns <= head_dim; d += kColumns) {
    simd::Float<N> sums[kColumns];
    for (int c = 0; c < kColumns; ++c) {
      sums[c] = simd::Load<N>(out_DN + (d + c) * N);
    }
#pragma GCC unroll 4
    for (int64_t r = 0; r < rows; ++r) {
      const float* row = rows_RD + r * head_dim + d;
      for (int c = 0; c < kColumns; ++c) sums[c] += weights[r] * row[c];
    }
    for (int c = 0; c < kColumns; ++c) {
      simd::Store<N>(out_DN + (d + c) * N, sums[c]);
    }
  }
  for (; d < head_dim; ++d) {
    simd::Float<N> sum = simd::Load<N>(out_DN + d * N);
    for (int64_t r = 0; r < rows; ++r) {
      sum += weights[r] * rows_RD[r * head_dim + d];
    }
    simd::Store<N>(out_DN + d * N, sum);
  }
}

template <int N>
LOCKSTEP_INLINE simd::Int<N> LaneNumbers() {
  simd::Int<N> lanes;
  for (int i = 0; i < N; ++i) lanes[i] = i;
  return lanes;
}

// INVALID_ARGUMENT unless the bounds ascend from 0 to at most `tokens`, in
// steps of at most max_length.
absl::Status CheckDocuments(const PackedDocuments& documents, int64_t tokens);

}  // namespace lockstep::attention

#endif  // LOCKSTEP_KERNELS_CPU_ATTENTION_TILE_H_
