#ifndef LOCKSTEP_KERNELS_CUDA_COLUMN_SUM_CUH_
#define LOCKSTEP_KERNELS_CUDA_COLUMN_SUM_CUH_

// sums[col] += sum over rows of terms(row, col), in an order that depends on
// the shape only and without memory for partial sums: one block owns a strip of
// columns and reads all its rows, many at a time.

#include <cstdint>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"

namespace lockstep::cuda {

inline constexpr int kStripVectors = 4;  // 64 bytes of each row.
inline constexpr int kStripThreads = 1024;
inline constexpr int kStripLanes = kStripThreads / kStripVectors;
inline constexpr int kStripUnroll = 4;

// `Terms` has At(row, col, float (&)[kWidth]).
template <int kWidth, typename Terms>
__global__ void __launch_bounds__(kStripThreads)
    ColumnSumKernel(float* sums, int64_t rows, int64_t cols,
                    const Terms terms) {
  __shared__ float partial[kStripLanes][kStripVectors * kWidth];
  const int place = threadIdx.x % kStripVectors * kWidth;
  const int lane = threadIdx.x / kStripVectors;
  const int64_t col = int64_t{blockIdx.x} * kStripVectors * kWidth + place;
  float sum[kWidth] = {};
  if (col < cols) {
#pragma unroll kStripUnroll
    for (int64_t row = lane; row < rows; row += kStripLanes) {
      float term[kWidth];
      terms.At(row, col, term);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) sum[i] += term[i];
    }
  }
#pragma unroll
  for (int i = 0; i < kWidth; ++i) partial[lane][place + i] = sum[i];

  for (int half = kStripLanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (lane < half) {
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        partial[lane][place + i] += partial[lane + half][place + i];
      }
    }
  }
  if (lane == 0 && col < cols) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) sums[col + i] += partial[0][place + i];
  }
}

template <int kWidth, typename Terms>
void AddColumnSums(float* sums, int64_t rows, int64_t cols, const Terms& terms,
                   cudaStream_t stream) {
  const int64_t strips = CeilDivide(cols, kStripVectors * kWidth);
  ColumnSumKernel<kWidth>
      <<<strips, kStripThreads, 0, stream>>>(sums, rows, cols, terms);
}

}  // namespace lockstep::cuda

#endif  // LOCKSTEP_KERNELS_CUDA_COLUMN_SUM_CUH_
