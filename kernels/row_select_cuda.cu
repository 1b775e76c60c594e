#include "kernels/cuda/copy_rows.cuh"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/row_select.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kScatteredRows = 4;  // That a block writes.

// How many of the `count` ascending row numbers are below `row`. The whole
// block calls it: each thread looks at one number of the stretch in question,
// so two rounds do for 65536 numbers and 256 threads. As the numbers are
// distinct and below `all`, rows[i] is in [i, i + all - count].
__device__ int64_t CountBelow(const int32_t* rows, int64_t count, int64_t all,
                              int64_t row) {
  int64_t low = max(int64_t{0}, row - (all - count));
  int64_t high = min(row, count);
  while (low < high) {
    const int64_t step = (high - low + blockDim.x - 1) / blockDim.x;
    const int64_t at = low + threadIdx.x * step;
    const int below = __syncthreads_count(at < high && rows[at] < row);
    if (below == 0) break;
    high = min(high, low + below * step);
    low += (below - 1) * step + 1;
  }
  return low;
}

template <typename T, int kWidth>
__device__ void ClearRow(T* to, int cols) {
  for (int col = threadIdx.x * kWidth; col < cols; col += blockDim.x * kWidth) {
    Store(to + col, Vector<T, kWidth>{});
  }
}

template <typename T, int kWidth>
__global__ void ScatterKernel(const Matrix<T> out, const Matrix<T> in,
                              const int32_t* rows, int64_t count, int64_t all,
                              int cols) {
  const int64_t begin = int64_t{blockIdx.x} * kScatteredRows;
  int64_t place = CountBelow(rows, count, all, begin);
  int64_t next[kScatteredRows];  // Row numbers from `place` on.
#pragma unroll
  for (int k = 0; k < kScatteredRows; ++k) {
    next[k] = place + k < count ? rows[place + k] : all;
  }
#pragma unroll
  for (int k = 0; k < kScatteredRows; ++k) {
    const int64_t row = begin + k;
    if (row >= all) return;
    if (next[0] != row) {
      ClearRow<T, kWidth>(out.row(row), cols);
      continue;
    }
    CopyRow<kWidth>(out.row(row), in.row(place), cols);
    ++place;
#pragma unroll
    for (int i = 1; i < kScatteredRows; ++i) next[i - 1] = next[i];
  }
}

template <typename T, int kWidth>
__global__ void ScatterAddKernel(const Matrix<T> out, const Matrix<T> in,
                                 const int32_t* rows, int cols) {
  const int64_t place = blockIdx.x;
  T* to = out.row(rows[place]);
  const T* from = in.row(place);
  for (int col = threadIdx.x * kWidth; col < cols; col += blockDim.x * kWidth) {
    float sum[kWidth], term[kWidth];
    LoadFloats<kWidth>(to + col, sum);
    LoadFloats<kWidth>(from + col, term);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) sum[i] += term[i];
    StoreFloats<kWidth>(to + col, sum);
  }
}

}  // namespace
}  // namespace cuda

absl::Status GatherRowsCuda(TensorView out_RD, TensorView in_TD,
                            const int32_t* rows_R, Stream stream) {
  return cuda::Gather("row_select", out_RD, in_TD, rows_R, stream);
}

absl::Status ScatterRowsCuda(TensorView out_TD, TensorView in_RD,
                             const int32_t* rows_R, Stream stream) {
  const int64_t rows = out_TD.rows, cols = out_TD.cols;
  if (rows == 0 || cols == 0) return absl::OkStatus();
  return cuda::LaunchOn(
      "row_select", {out_TD, in_RD}, [&]<typename T, int kWidth>() {
        const int64_t blocks = cuda::CeilDivide(rows, cuda::kScatteredRows);
        cuda::ScatterKernel<T, kWidth>
            <<<blocks, cuda::CopyThreads<kWidth>(cols), 0,
               cuda::Handle(stream)>>>(
                cuda::Matrix<T>(out_TD), cuda::Matrix<T>(in_RD), rows_R,
                in_RD.rows, rows, static_cast<int>(cols));
      });
}

absl::Status ScatterAddRowsCuda(TensorView out_TD, TensorView in_RD,
                                const int32_t* rows_R, Stream stream) {
  const int64_t rows = in_RD.rows, cols = in_RD.cols;
  if (rows == 0 || cols == 0) return absl::OkStatus();
  return cuda::LaunchOn(
      "row_select", {out_TD, in_RD}, [&]<typename T, int kWidth>() {
        cuda::ScatterAddKernel<T, kWidth>
            <<<rows, cuda::CopyThreads<kWidth>(cols), 0,
               cuda::Handle(stream)>>>(cuda::Matrix<T>(out_TD),
                                       cuda::Matrix<T>(in_RD), rows_R,
                                       static_cast<int>(cols));
      });
}

}  // namespace lockstep
