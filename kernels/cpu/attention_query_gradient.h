#ifndef LOCKSTEP_KERNELS_CPU_ATTENTION_QUERY_GRADIENT_H_
#define LOCKSTEP_KERNELS_CPU_ATTENTION_QUERY_GRADIENT_H_

// d_q_i = sum_j(d_s_ij * k_j), the one product of attention_cpu_backward.cc
// whose sum runs over the lanes of the scores: they pass through memory, from
// where each is broadcast to a vector of a query's values.

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_width.h"

namespace lockstep::attention {

// Values of one query fill a vector.
template <int N>
struct SingleQueries {
  // Floats in memory for each value of a key.
  static constexpr int kKeyCopies = 1;

  // As attention::PackRows.
  LOCKSTEP_INLINE static void PackKeys(float* keys_TD, const TensorView& qkv,
                                       Document document, int64_t column,
                                       int64_t head_dim, float scale) {
    PackRows(keys_TD, qkv, document.begin, document.end, column, head_dim,
             scale);
  }

  // The block's scores of two queries that follow each other.
  LOCKSTEP_INLINE static void StoreScores(float* to, simd::Float<N> a,
                                          simd::Float<N> b) {
    simd::Store<N>(to, a);
    simd::Store<N>(to + N, b);
  }

  // d_queries += the block's scores [queries, N] times its N keys. `queries` is
  // a multiple of kTile.
  LOCKSTEP_INLINE static void Add(float* d_queries_TD, const float* keys_ND,
                                  const float* d_scores, int64_t queries,
                                  int64_t head_dim) {
    if (head_dim % N == 0) {
      AddBy<N>(d_queries_TD, keys_ND, d_scores, queries, head_dim);
    } else {
      AddBy<2>(d_queries_TD, keys_ND, d_scores, queries, head_dim);
    }
  }

  // d_queries to `count` rows of `out`.
  LOCKSTEP_INLINE static void Unpack(float* out, int64_t stride,
                                     const float* d_queries_TD, int64_t count,
                                     int64_t head_dim) {
    for (int64_t t = 0; t < count; ++t) {
      std::copy_n(d_queries_TD + t * head_dim, head_dim, out + t * stride);
    }
  }

 private:
  // W values of a head at a time.
  template <int W>
  LOCKSTEP_INLINE static void AddBy(float* d_queries_TD, const float* keys_ND,
                                    const float* d_scores, int64_t queries,
                                    int64_t head_dim) {
    for (int64_t query = 0; query < queries; query += kTile) {
      float* d_queries_RD = d_queries_TD + query * head_dim;
      for (int64_t d = 0; d < head_dim; d += W) {
        simd::Float<W> sums[kTile];
        for (int r = 0; r < kTile; ++r) {
          sums[r] = simd::Load<W>(d_queries_RD + r * head_dim + d);
        }
        AddDots<W>(sums, simd::LoadedAnew<N>(keys_ND + d), head_dim,
                   d_scores + query * N, N, N);
        for (int r = 0; r < kTile; ++r) {
          simd::Store<W>(d_queries_RD + r * head_dim + d, sums[r]);
        }
      }
    }
  }
};

// Eight values of two queries in turn fill the 16 lanes, for heads that are no
// multiple of 16: half a vector costs as much as a whole one. The keys' values
// are there twice, and the scores of two queries are broadcast as one number
// of 64 bits.
struct QueryPairs {
  static constexpr int kKeyCopies = 2;
  static constexpr int kLanes = 16;

  LOCKSTEP_TARGET_AVX512 static inline void PackKeys(
      float* keys_TD2, const TensorView& qkv, Document document, int64_t column,
      int64_t head_dim, float scale) {
    const __m512i twice =
        _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    for (int64_t t = document.begin; t < document.end; ++t) {
      const float* row = qkv.FloatRow(t) + column;
      for (int64_t d = 0; d < head_dim; d += 8) {
        const __m512 key = _mm512_castps256_ps512(_mm256_loadu_ps(row + d));
        _mm512_storeu_ps(
            keys_TD2, _mm512_maskz_permutexvar_ps(0xffff, twice, key) * scale);
        keys_TD2 += kLanes;
      }
    }
    const int64_t tokens = document.end - document.begin;
    std::fill_n(keys_TD2, (PaddedTokens(tokens) - tokens) * head_dim * 2, 0.0f);
  }

  // [16 keys, 2], the keys in the order of Place.
  LOCKSTEP_TARGET_AVX512 static inline void StoreScores(float* to, __m512 a,
                                                        __m512 b) {
    _mm512_storeu_ps(to, _mm512_maskz_unpacklo_ps(0xffff, a, b));
    _mm512_storeu_ps(to + kLanes, _mm512_maskz_unpackhi_ps(0xffff, a, b));
  }

  // `queries` is a multiple of kTile, head_dim one of eight.
  LOCKSTEP_TARGET_AVX512 static inline void Add(float* d_queries,
                                                const float* keys_ND2,
                                                const float* d_scores,
                                                int64_t queries,
                                                int64_t head_dim) {
    int64_t query = 0;
    for (; query + 2 * kTile <= queries; query += 2 * kTile) {
      AddPairs<kTile>(d_queries + query * head_dim, keys_ND2,
                      d_scores + query * kLanes, head_dim);
    }
    for (; query < queries; query += kTile) {
      AddPairs<kTile / 2>(d_queries + query * head_dim, keys_ND2,
                          d_scores + query * kLanes, head_dim);
    }
  }

  LOCKSTEP_TARGET_AVX512 static inline void Unpack(float* out, int64_t stride,
                                                   const float* d_queries,
                                                   int64_t count,
                                                   int64_t head_dim) {
    const __m512i apart =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    for (int64_t t = 0; t < count; t += 2) {
      for (int64_t d = 0; d < head_dim; d += 8) {
        const __m512 pair = _mm512_maskz_permutexvar_ps(
            0xffff, apart, _mm512_loadu_ps(d_queries + t * head_dim + 2 * d));
        float* row = out + t * stride + d;
        _mm256_storeu_ps(row, _mm512_maskz_extractf32x8_ps(0xff, pair, 0));
        if (t + 1 == count) continue;
        _mm256_storeu_ps(row + stride,
                         _mm512_maskz_extractf32x8_ps(0xff, pair, 1));
      }
    }
  }

 private:
  // Where unpacking leaves the pair of a key.
  static constexpr int Place(int key) {
    return (key % 4 < 2 ? 0 : kLanes) + key / 4 * 4 + key % 2 * 2;
  }

  LOCKSTEP_TARGET_AVX512 static inline __m512 BroadcastPair(const float* from) {
    double pair;
    std::memcpy(&pair, from, sizeof(pair));
    return _mm512_castpd_ps(_mm512_set1_pd(pair));
  }

  template <int kPairs>
  LOCKSTEP_TARGET_AVX512 static inline void AddPairs(float* d_queries,
                                                     const float* keys_ND2,
                                                     const float* d_scores,
                                                     int64_t head_dim) {
    for (int64_t d = 0; d < head_dim; d += 8) {
      __m512 sums[kPairs];
#pragma GCC unroll 8
      for (int p = 0; p < kPairs; ++p) {
        sums[p] = _mm512_loadu_ps(d_queries + 2 * (p * head_dim + d));
      }
#pragma GCC unroll 16
      for (int key = 0; key < kLanes; ++key) {
        const __m512 k = _mm512_loadu_ps(keys_ND2 + 2 * (key * head_dim + d));
#pragma GCC unroll 8
        for (int p = 0; p < kPairs; ++p) {
          sums[p] += k * BroadcastPair(d_scores + 2 * p * kLanes + Place(key));
        }
      }
#pragma GCC unroll 8
      for (int p = 0; p < kPairs; ++p) {
        _mm512_storeu_ps(d_queries + 2 * (p * head_dim + d), sums[p]);
      }
    }
  }
};

}  // namespace lockstep::attention

#endif  // LOCKSTEP_KERNELS_CPU_ATTENTION_QUERY_GRADIENT_H_
