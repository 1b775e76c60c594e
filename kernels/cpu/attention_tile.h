#ifndef LOCKSTEP_KERNELS_CPU_ATTENTION_TILE_H_
#define LOCKSTEP_KERNELS_CPU_ATTENTION_TILE_H_

// The small matrix products of attention_cpu_{forward,backward}.cc. One side is
// a block of N tokens, a token in each lane (transposed: [D, N]); the other is
// a tile of eight rows as they lie in memory, whose values are broadcast. So
// heads of 8 values fill the vectors as well as heads of 128, and softmax needs
// no sum over lanes.

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

// Stands for the rows that a tile lacks at the end of a document.
alignas(64) inline constexpr float kZeroRow[kMaxHeadDim] = {};

struct RowTile {
  const float* row[kTile];
};

// Rows [begin, end) of `view`, of which the tile takes up to eight.
LOCKSTEP_INLINE RowTile MakeTile(const TensorView& view, int64_t begin,
                                 int64_t end, int64_t column) {
  RowTile tile;
  for (int r = 0; r < kTile; ++r) {
    tile.row[r] =
        begin + r < end ? view.FloatRow(begin + r) + column : kZeroRow;
  }
  return tile;
}

// sums[r] = sum_K(a_KN[k] * tile[r][k])
template <int N>
LOCKSTEP_INLINE void Dots(simd::Float<N> (&sums)[kTile], const float* a_KN,
                          int64_t stride, const RowTile& tile, int64_t size) {
  for (int r = 0; r < kTile; ++r) sums[r] = simd::Float<N>{};
  for (int64_t k = 0; k < size; ++k) {
    const simd::Float<N> a = simd::Load<N>(a_KN + k * stride);
    for (int r = 0; r < kTile; ++r) sums[r] += a * tile.row[r][k];
  }
}

// out_DN[d] += sum_r(weights[r] * tile[r][d])
template <int N>
LOCKSTEP_INLINE void AddWeighted(float* out_DN, const simd::Float<N>* weights,
                                 const RowTile& tile, int64_t head_dim) {
  for (int64_t d = 0; d < head_dim; ++d) {
    simd::Float<N> sum = simd::Load<N>(out_DN + d * N);
    for (int r = 0; r < kTile; ++r) sum += weights[r] * tile.row[r][d];
    simd::Store<N>(out_DN + d * N, sum);
  }
}

// out_DN: `count` rows from `begin`, one a lane, times `scale`; zero in the
// other lanes.
template <int N>
LOCKSTEP_INLINE void LoadTransposed(float* out_DN, const TensorView& view,
                                    int64_t begin, int64_t count,
                                    int64_t column, int64_t head_dim,
                                    float scale) {
  for (int64_t lane = 0; lane < N; ++lane) {
    const float* row =
        lane < count ? view.FloatRow(begin + lane) + column : kZeroRow;
    for (int64_t d = 0; d < head_dim; ++d)
      out_DN[d * N + lane] = row[d] * scale;
  }
}

// The way back.
template <int N>
LOCKSTEP_INLINE void StoreTransposed(const TensorView& view, int64_t begin,
                                     int64_t count, int64_t column,
                                     const float* in_DN, int64_t head_dim) {
  for (int64_t lane = 0; lane < count; ++lane) {
    float* row = view.FloatRow(begin + lane) + column;
    for (int64_t d = 0; d < head_dim; ++d) row[d] = in_DN[d * N + lane];
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
