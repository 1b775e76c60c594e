#include "kernels/cuda/copy_rows.cuh"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/row_select.h"

namespace lockstep {
namespace cuda {
namespace {

// The place of `row` in the ascending list, or -1. As its numbers are distinct
// and below `all`, rows[i] is in [i, i + all - count]: a list of nearly all
// rows is searched in few steps.
__device__ int64_t PlaceOf(const int32_t* rows, int64_t count, int64_t all,
                           int64_t row) {
  int64_t low = max(int64_t{0}, row - (all - count));
  int64_t high = min(row, count - 1);
  while (low <= high) {
    const int64_t middle = (low + high) / 2;
    const int64_t found = rows[middle];
    if (found == row) return middle;
    if (found < row) {
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return -1;
}

template <typename T, int kWidth>
__global__ void ScatterKernel(const Matrix<T> out, const Matrix<T> in,
                              const int32_t* rows, int64_t count, int cols) {
  const int64_t row = blockIdx.x;
  const int64_t place = PlaceOf(rows, count, gridDim.x, row);
  if (place >= 0) return CopyRow<kWidth>(out.row(row), in.row(place), cols);
  for (int col = threadIdx.x * kWidth; col < cols; col += blockDim.x * kWidth) {
    Store(out.row(row) + col, Vector<T, kWidth>{});
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
        cuda::ScatterKernel<T, kWidth><<<rows, cuda::CopyThreads<kWidth>(cols),
                                         0, cuda::Handle(stream)>>>(
            cuda::Matrix<T>(out_TD), cuda::Matrix<T>(in_RD), rows_R, in_RD.rows,
            static_cast<int>(cols));
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
