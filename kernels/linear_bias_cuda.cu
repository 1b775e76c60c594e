#include "kernels/cuda/column_sum.cuh"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/gpu.h"
#include "kernels/linear_bias.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kRows = 4;  // Of which a thread takes a vector each, at once.

// A block takes kRows rows of a stretch of columns, of which there are
// `stretches`.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    ForwardKernel(const Matrix<T> inout, const T* bias, int64_t rows, int cols,
                  int stretches) {
  const int64_t begin = int64_t{blockIdx.x / stretches} * kRows;
  const int col = (blockIdx.x % stretches * blockDim.x + threadIdx.x) * kWidth;
  if (col >= cols) return;
  Vector<T, kWidth> vectors[kRows];
#pragma unroll
  for (int k = 0; k < kRows; ++k) {
    if (begin + k < rows) vectors[k] = Load<kWidth>(inout.row(begin + k) + col);
  }
  float term[kWidth];
  LoadFloats<kWidth>(bias + col, term);
#pragma unroll
  for (int k = 0; k < kRows; ++k) {
    if (begin + k >= rows) return;
    float sum[kWidth];
    Unpack(vectors[k], sum);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) sum[i] += term[i];
    StoreFloats<kWidth>(inout.row(begin + k) + col, sum);
  }
}

template <typename T>
struct Terms {
  Matrix<T> d_out;

  template <int kWidth>
  __device__ void At(int64_t row, int64_t col, float (&terms)[kWidth]) const {
    LoadFloats<kWidth>(d_out.row(row) + col, terms);
  }
};

}  // namespace
}  // namespace cuda

absl::Status LinearBiasForwardCuda(TensorView inout_TN, TensorView bias_N,
                                   Stream stream) {
  const int64_t rows = inout_TN.rows, cols = inout_TN.cols;
  if (rows == 0 || cols == 0) return absl::OkStatus();
  return cuda::LaunchOn(
      "linear_bias", {inout_TN, bias_N}, [&]<typename T, int kWidth>() {
        const int64_t vectors = cols / kWidth;
        const int64_t stretches = cuda::CeilDivide(vectors, cuda::kThreads);
        const int threads = cuda::ThreadsFor(
            cuda::CeilDivide(vectors, stretches), /*per_thread=*/1);
        const int64_t blocks = cuda::CeilDivide(rows, cuda::kRows) * stretches;
        cuda::ForwardKernel<T, kWidth>
            <<<blocks, threads, 0, cuda::Handle(stream)>>>(
                cuda::Matrix<T>(inout_TN), static_cast<const T*>(bias_N.data),
                rows, static_cast<int>(cols), static_cast<int>(stretches));
      });
}

absl::Status LinearBiasBackwardCuda(float* d_bias_N, TensorView d_out_TN,
                                    Stream stream) {
  const int64_t rows = d_out_TN.rows, cols = d_out_TN.cols;
  if (rows == 0 || cols == 0) return absl::OkStatus();
  const absl::StatusOr<cuda::Gpu> gpu = cuda::CurrentGpu("linear_bias");
  if (!gpu.ok()) return gpu.status();
  return cuda::LaunchOn(
      "linear_bias", {d_out_TN}, [&]<typename T, int kWidth>() {
        cuda::AddColumnSums<kWidth>(d_bias_N, rows, cols,
                                    cuda::Terms<T>{cuda::Matrix<T>(d_out_TN)},
                                    gpu->has_clusters, cuda::Handle(stream));
      });
}

}  // namespace lockstep
