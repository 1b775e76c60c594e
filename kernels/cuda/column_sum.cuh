#ifndef LOCKSTEP_KERNELS_CUDA_COLUMN_SUM_CUH_
#define LOCKSTEP_KERNELS_CUDA_COLUMN_SUM_CUH_

// sums[col] += sum over rows of terms(row, col), without memory for partial
// sums and in an order that depends on the number of rows only: they are dealt
// out to kSumLanes threads of a column, each adds its own, and the lanes of a
// part, then the parts, are added in turn. Of many rows, and where the GPU has
// clusters, each block of one sums a part of a strip of columns, and reads the
// others' sums from their shared memory; elsewhere a block sums all parts of a
// strip, to the same bits.

#include <cooperative_groups.h>

#include <cstdint>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"

namespace lockstep::cuda {

inline constexpr int kSumParts = 8;  // The largest cluster that any GPU runs.
inline constexpr int kPartLanes = 16;
inline constexpr int kSumLanes = kSumParts * kPartLanes;
inline constexpr int kSumUnroll = 8;
inline constexpr int kFewRows = kSumUnroll * kSumLanes;

// Of a block: a part of 256 bytes of each row, or all parts of 128.
struct OnePart {
  static constexpr int kParts = 1, kVectors = 16, kBlocksOfAnSm = 3;
};
struct AllParts {
  static constexpr int kParts = kSumParts, kVectors = 8, kBlocksOfAnSm = 1;
};

template <typename Block>
inline constexpr int kSumThreads = Block::kParts* kPartLanes* Block::kVectors;

// The sum of this thread's rows, from `first` on.
template <int kWidth, typename Terms>
__device__ inline void SumLane(int64_t first, int64_t rows, int64_t col,
                               const Terms& terms, float (&sum)[kWidth]) {
#pragma unroll kSumUnroll
  for (int64_t row = first; row < rows; row += kSumLanes) {
    float term[kWidth];
    terms.At(row, col, term);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) sum[i] += term[i];
  }
}

// `Terms` has At(row, col, float (&)[kWidth]).
template <int kWidth, typename Block, typename Terms>
__global__ void __launch_bounds__(kSumThreads<Block>, Block::kBlocksOfAnSm)
    ColumnSumKernel(float* sums, int64_t rows, int64_t cols,
                    const Terms terms) {
  constexpr int kParts = Block::kParts;
  constexpr int kCols = Block::kVectors * kWidth;
  constexpr int kBlocks = kSumParts / kParts;  // Of a strip.
  constexpr int kOwnCols = kCols / kBlocks;    // Whose total is this block's.
  __shared__ float lanes[kParts * kPartLanes][kCols];
  __shared__ float parts[kParts][kCols];
  const int rank = static_cast<int>(blockIdx.x % kBlocks);
  const int64_t strip = int64_t{blockIdx.x / kBlocks} * kCols;
  const int lane = threadIdx.x / Block::kVectors;
  const int place = threadIdx.x % Block::kVectors * kWidth;
  const int own = rank * kOwnCols + threadIdx.x;
  const bool owns = threadIdx.x < kOwnCols && strip + own < cols;
#if __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
#endif
  const float before = owns ? sums[strip + own] : 0;

  float sum[kWidth] = {};
  if (strip + place < cols) {
    SumLane(rank * kPartLanes + lane, rows, strip + place, terms, sum);
  }
#pragma unroll
  for (int i = 0; i < kWidth; ++i) lanes[lane][place + i] = sum[i];
  __syncthreads();
  for (int i = threadIdx.x; i < kParts * kCols; i += kSumThreads<Block>) {
    const int part = i / kCols, col = i % kCols;
    float total = 0;
#pragma unroll
    for (int l = 0; l < kPartLanes; ++l) {
      total += lanes[part * kPartLanes + l][col];
    }
    parts[part][col] = total;
  }

  float total = 0;
  if constexpr (kBlocks == 1) {
    __syncthreads();
    if (!owns) return;
#pragma unroll
    for (int part = 0; part < kParts; ++part) total += parts[part][own];
    sums[strip + own] = before + total;
  } else {
#if __CUDA_ARCH__ >= 900
    namespace cg = cooperative_groups;
    cg::this_cluster().sync();
    if (owns) {
#pragma unroll
      for (int part = 0; part < kSumParts; ++part) {
        total += *cg::this_cluster().map_shared_rank(&parts[0][own], part);
      }
      sums[strip + own] = before + total;
    }
    // A block's sums are there until all are read. Nothing has to be seen by
    // others, so nobody waits for the stores.
    asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
    asm volatile("barrier.cluster.wait.aligned;" ::: "memory");
#endif
  }
}

// Leaves an error to cudaGetLastError(). If it `follows` a kernel that has
// called cudaTriggerProgrammaticLaunchCompletion(), its blocks may be on the
// GPU before that has ended, and wait there for it.
template <int kWidth, typename Terms>
void AddColumnSums(float* sums, int64_t rows, int64_t cols, const Terms& terms,
                   bool has_clusters, cudaStream_t stream,
                   bool follows = false) {
  const auto launch = [&]<typename Block>(Block) {
    constexpr int kBlocks = kSumParts / Block::kParts;
    cudaLaunchAttribute attributes[2];
    unsigned int count = 0;
    if (has_clusters && follows) {
      attributes[count].id = cudaLaunchAttributeProgrammaticStreamSerialization;
      attributes[count++].val.programmaticStreamSerializationAllowed = 1;
    }
    if (kBlocks > 1) {
      attributes[count].id = cudaLaunchAttributeClusterDimension;
      attributes[count++].val.clusterDim = {kBlocks, 1, 1};
    }
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(CeilDivide(cols, Block::kVectors * kWidth) * kBlocks);
    config.blockDim = dim3(kSumThreads<Block>);
    config.stream = stream;
    config.attrs = attributes;
    config.numAttrs = count;
    cudaLaunchKernelEx(&config, &ColumnSumKernel<kWidth, Block, Terms>, sums,
                       rows, cols, terms);
  };
  if (has_clusters && rows > kFewRows) {
    launch(OnePart{});
  } else {
    launch(AllParts{});
  }
}

}  // namespace lockstep::cuda

#endif  // LOCKSTEP_KERNELS_CUDA_COLUMN_SUM_CUH_
