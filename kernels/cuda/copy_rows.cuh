#ifndef LOCKSTEP_KERNELS_CUDA_COPY_ROWS_CUH_
#define LOCKSTEP_KERNELS_CUDA_COPY_ROWS_CUH_

// Rows moved by a list of row numbers: one block a row.

#include <cstdint>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"

namespace lockstep::cuda {

inline constexpr int kCopyVectors = 2;  // Of a row, by each thread at a time.

// Threads for a row of `cols` elements.
template <int kWidth>
int CopyThreads(int64_t cols) {
  return ThreadsFor(cols / kWidth, kCopyVectors);
}

template <int kWidth, typename T>
__device__ inline void CopyRow(T* to, const T* from, int cols) {
#pragma unroll kCopyVectors
  for (int col = threadIdx.x * kWidth; col < cols; col += blockDim.x * kWidth) {
    Store(to + col, Load<kWidth>(from + col));
  }
}

// out[i] = in[rows[i]]
template <typename T, int kWidth>
__global__ void GatherKernel(const Matrix<T> out, const Matrix<T> in,
                             const int32_t* rows, int cols) {
  const int64_t row = blockIdx.x;
  CopyRow<kWidth>(out.row(row), in.row(rows[row]), cols);
}

inline absl::Status Gather(absl::string_view op, const TensorView& out,
                           const TensorView& in, const int32_t* rows,
                           Stream stream) {
  if (out.rows == 0 || out.cols == 0) return absl::OkStatus();
  return LaunchOn(op, {out, in}, [&]<typename T, int kWidth>() {
    GatherKernel<T, kWidth>
        <<<out.rows, CopyThreads<kWidth>(out.cols), 0, Handle(stream)>>>(
            Matrix<T>(out), Matrix<T>(in), rows, static_cast<int>(out.cols));
  });
}

}  // namespace lockstep::cuda

#endif  // LOCKSTEP_KERNELS_CUDA_COPY_ROWS_CUH_
