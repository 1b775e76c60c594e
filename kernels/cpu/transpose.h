#ifndef LOCKSTEP_KERNELS_CPU_TRANSPOSE_H_
#define LOCKSTEP_KERNELS_CPU_TRANSPOSE_H_

// Between rows in memory and blocks of N rows with a row in each lane,
// [columns, N]. Number by number, or, for whole blocks of 8 or 16 rows, eight
// columns at a time in registers.

#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_width.h"

namespace lockstep::simd {

// 16 rows of eight columns, two rows to a register: row i beside row i + 8.
// Swapping bit 0, 1 and 2 of the register's number with the same bit of the
// lane's turns register i into column i of all rows, and that one back.
struct Block16By8 {
  LOCKSTEP_TARGET_AVX512 static inline void Turn(__m512 (&r)[8]) {
    TurnBit<1>(r);
    TurnBit<2>(r);
    TurnBit<4>(r);
  }

  LOCKSTEP_TARGET_AVX512 static inline void Load(float* out_DN, const float* in,
                                                 int64_t stride, float scale) {
    __m512 r[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      r[i] = _mm512_insertf32x8(
          _mm512_castps256_ps512(_mm256_loadu_ps(in + i * stride)),
          _mm256_loadu_ps(in + (i + 8) * stride), 1);
    }
    Turn(r);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) _mm512_storeu_ps(out_DN + i * 16, r[i] * scale);
  }

  LOCKSTEP_TARGET_AVX512 static inline void Store(float* out, int64_t stride,
                                                  const float* in_DN,
                                                  float scale) {
    __m512 r[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) r[i] = _mm512_loadu_ps(in_DN + i * 16) * scale;
    Turn(r);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      // With a mask: GCC 12 warns of the other forms' undefined lanes.
      _mm256_storeu_ps(out + i * stride,
                       _mm512_maskz_extractf32x8_ps(0xff, r[i], 0));
      _mm256_storeu_ps(out + (i + 8) * stride,
                       _mm512_maskz_extractf32x8_ps(0xff, r[i], 1));
    }
  }

 private:
  template <int kBit>
  LOCKSTEP_TARGET_AVX512 static inline void TurnBit(__m512 (&r)[8]) {
    Int<16> low;
    Int<16> high;
#pragma GCC unroll 16
    for (int lane = 0; lane < 16; ++lane) {
      const bool set = (lane & kBit) != 0;
      low[lane] = set ? (lane ^ kBit) + 16 : lane;
      high[lane] = set ? lane + 16 : lane ^ kBit;
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      if ((i & kBit) != 0) continue;
      const __m512 a = r[i];
      const __m512 b = r[i | kBit];
      r[i] = _mm512_permutex2var_ps(a, reinterpret_cast<__m512i>(low), b);
      r[i | kBit] =
          _mm512_permutex2var_ps(a, reinterpret_cast<__m512i>(high), b);
    }
  }
};

// Eight rows of eight columns, a row to a register.
struct Block8By8 {
  LOCKSTEP_TARGET_AVX2 static inline void Turn(__m256 (&r)[8]) {
    __m256 pairs[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
      pairs[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
      pairs[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    // Four rows of the columns c and c + 4.
    __m256 fours[8];
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
      fours[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
      fours[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
      fours[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
      fours[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      r[c] = _mm256_permute2f128_ps(fours[c], fours[c + 4], 0x20);
      r[c + 4] = _mm256_permute2f128_ps(fours[c], fours[c + 4], 0x31);
    }
  }

  LOCKSTEP_TARGET_AVX2 static inline void Load(float* out_DN, const float* in,
                                               int64_t stride, float scale) {
    __m256 r[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(in + i * stride);
    Turn(r);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) _mm256_storeu_ps(out_DN + i * 8, r[i] * scale);
  }

  LOCKSTEP_TARGET_AVX2 static inline void Store(float* out, int64_t stride,
                                                const float* in_DN,
                                                float scale) {
    __m256 r[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(in_DN + i * 8) * scale;
    Turn(r);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) _mm256_storeu_ps(out + i * stride, r[i]);
  }
};

// Eight columns of N rows at a time.
template <int N>
struct BlockOf;
template <>
struct BlockOf<8> : Block8By8 {};
template <>
struct BlockOf<16> : Block16By8 {};

// out_DN: `count` <= N rows of `columns`, each `stride` after the last, times
// `scale`; zero in the lanes that are left.
template <int N>
LOCKSTEP_INLINE void LoadTransposed(float* out_DN, const float* in,
                                    int64_t stride, int64_t count,
                                    int64_t columns, float scale) {
  int64_t turned = 0;
  if constexpr (N >= 8) {
    for (; count == N && turned + 8 <= columns; turned += 8) {
      BlockOf<N>::Load(out_DN + turned * N, in + turned, stride, scale);
    }
    if (turned == columns) return;
  }
  std::fill_n(out_DN + turned * N, (columns - turned) * N, 0.0f);
  for (int64_t lane = 0; lane < count; ++lane) {
    for (int64_t d = turned; d < columns; ++d) {
      out_DN[d * N + lane] = in[lane * stride + d] * scale;
    }
  }
}

// The way back.
template <int N>
LOCKSTEP_INLINE void StoreTransposed(float* out, int64_t stride,
                                     const float* in_DN, int64_t count,
                                     int64_t columns, float scale) {
  int64_t turned = 0;
  if constexpr (N >= 8) {
    for (; count == N && turned + 8 <= columns; turned += 8) {
      BlockOf<N>::Store(out + turned, stride, in_DN + turned * N, scale);
    }
  }
  for (int64_t lane = 0; lane < count; ++lane) {
    for (int64_t d = turned; d < columns; ++d) {
      out[lane * stride + d] = in_DN[d * N + lane] * scale;
    }
  }
}

}  // namespace lockstep::simd

#endif  // LOCKSTEP_KERNELS_CPU_TRANSPOSE_H_
