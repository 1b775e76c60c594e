// Backward, a block belongs to a token and a stretch of columns. The block of
// the first token with an id adds the rows of all tokens with that id, in their
// order; the others end at once. So no two blocks write the same row, and no
// memory for sorted ids is needed.

#include "kernels/cuda/copy_rows.cuh"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/embedding.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
// Tokens that are looked at at once: most ids are nowhere in so many.
constexpr int kStretch = 4 * kThreads;

// Whether one of the kStretch tokens from `begin` on, and before `end`, has the
// id. The whole block calls it.
__device__ bool AnyHas(const int32_t* ids, int32_t id, int begin, int end) {
  bool seen = false;
#pragma unroll
  for (int k = 0; k < kStretch / kThreads; ++k) {
    const int i = begin + k * kThreads + threadIdx.x;
    seen |= i < end && ids[i] == id;
  }
  return __syncthreads_or(seen);
}

__device__ bool IsFirstOfItsId(const int32_t* ids, int token) {
  for (int begin = 0; begin < token; begin += kStretch) {
    if (AnyHas(ids, ids[token], begin, token)) return false;
  }
  return true;
}

// Which of the kThreads tokens from `begin` on have the id, in their order.
// Returns how many; the whole block calls it.
__device__ int Matches(const int32_t* ids, int tokens, int32_t id, int begin,
                       int (&matches)[kThreads]) {
  __shared__ unsigned int found[kWarps];
  const int token = begin + threadIdx.x;
  const bool matched = token < tokens && ids[token] == id;
  const unsigned int ballot = __ballot_sync(~0u, matched);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  __syncthreads();  // The last call's matches have been read.
  if (lane == 0) found[warp] = ballot;
  __syncthreads();
  int before = 0, all = 0;
#pragma unroll
  for (int w = 0; w < kWarps; ++w) {
    const int count = __popc(found[w]);
    if (w < warp) before += count;
    all += count;
  }
  if (matched) {
    matches[before + __popc(ballot & ((1u << lane) - 1))] = token;
  }
  __syncthreads();
  return all;
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    BackwardKernel(const Matrix<float> d_table, const Matrix<T> d_out,
                   const int32_t* ids, int tokens, int cols) {
  __shared__ int matches[kThreads];
  const int token = blockIdx.x;
  const int32_t id = ids[token];
  if (id < 0 || !IsFirstOfItsId(ids, token)) return;
  const int col = (blockIdx.y * kThreads + threadIdx.x) * kWidth;
  const bool owns = col < cols;
  float sum[kWidth] = {};
  if (owns) LoadFloats<kWidth>(d_table.row(id) + col, sum);
  for (int stretch = token; stretch < tokens; stretch += kStretch) {
    if (!AnyHas(ids, id, stretch, tokens)) continue;
    const int end = min(stretch + kStretch, tokens);
    for (int begin = stretch; begin < end; begin += kThreads) {
      const int count = Matches(ids, tokens, id, begin, matches);
      if (!owns) continue;
#pragma unroll 4
      for (int i = 0; i < count; ++i) {
        float term[kWidth];
        LoadFloats<kWidth>(d_out.row(matches[i]) + col, term);
#pragma unroll
        for (int k = 0; k < kWidth; ++k) sum[k] += term[k];
      }
    }
  }
  if (owns) StoreFloats<kWidth>(d_table.row(id) + col, sum);
}

}  // namespace
}  // namespace cuda

absl::Status EmbeddingForwardCuda(TensorView out_TD, TensorView table_VD,
                                  const int32_t* ids_T, Stream stream) {
  return cuda::Gather("embedding", out_TD, table_VD, ids_T, stream);
}

absl::Status EmbeddingBackwardCuda(TensorView d_table_VD, TensorView d_out_TD,
                                   const int32_t* ids_T, Stream stream) {
  const int64_t rows = d_out_TD.rows, cols = d_out_TD.cols;
  if (rows == 0 || cols == 0) return absl::OkStatus();
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      cuda::CheckViews("embedding", DType::kFloat32, {d_table_VD}));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      cuda::CheckViews("embedding", d_out_TD.dtype, {d_out_TD}));
  const bool aligned = cuda::IsAligned(d_table_VD) && cuda::IsAligned(d_out_TD);
  cuda::WithDType(d_out_TD.dtype, aligned, [&]<typename T, int kWidth>() {
    const dim3 blocks(rows, cuda::CeilDivide(cols, cuda::kThreads * kWidth));
    cuda::BackwardKernel<T, kWidth>
        <<<blocks, cuda::kThreads, 0, cuda::Handle(stream)>>>(
            cuda::Matrix<float>(d_table_VD), cuda::Matrix<T>(d_out_TD), ids_T,
            static_cast<int>(rows), static_cast<int>(cols));
  });
  return CudaStatus("embedding", cudaGetLastError());
}

}  // namespace lockstep
