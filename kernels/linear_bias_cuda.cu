#include "kernels/cuda/column_sum.cuh"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/linear_bias.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kPerThread = 2;  // Vectors.

template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    ForwardKernel(const Matrix<T> inout, const T* bias, int cols) {
  T* row = inout.row(blockIdx.x);
  const int begin =
      (blockIdx.y * kPerThread * blockDim.x + threadIdx.x) * kWidth;
  const int step = blockDim.x * kWidth;
  Vector<T, kWidth> vectors[kPerThread];
#pragma unroll
  for (int k = 0; k < kPerThread; ++k) {
    const int col = begin + k * step;
    if (col < cols) vectors[k] = Load<kWidth>(row + col);
  }
#pragma unroll
  for (int k = 0; k < kPerThread; ++k) {
    const int col = begin + k * step;
    if (col >= cols) continue;
    float sum[kWidth], term[kWidth];
    Unpack(vectors[k], sum);
    LoadFloats<kWidth>(bias + col, term);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) sum[i] += term[i];
    StoreFloats<kWidth>(row + col, sum);
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
        const int threads =
            cuda::ThreadsFor(cols / kWidth, cuda::kPerThread, cuda::kThreads);
        const dim3 blocks(
            rows, cuda::CeilDivide(cols, threads * cuda::kPerThread * kWidth));
        cuda::ForwardKernel<T, kWidth>
            <<<blocks, threads, 0, cuda::Handle(stream)>>>(
                cuda::Matrix<T>(inout_TN), static_cast<const T*>(bias_N.data),
                static_cast<int>(cols));
      });
}

absl::Status LinearBiasBackwardCuda(float* d_bias_N, TensorView d_out_TN,
                                    Stream stream) {
  const int64_t rows = d_out_TN.rows, cols = d_out_TN.cols;
  if (rows == 0 || cols == 0) return absl::OkStatus();
  return cuda::LaunchOn(
      "linear_bias", {d_out_TN}, [&]<typename T, int kWidth>() {
        cuda::AddColumnSums<kWidth>(d_bias_N, rows, cols,
                                    cuda::Terms<T>{cuda::Matrix<T>(d_out_TN)},
                                    cuda::Handle(stream));
      });
}

}  // namespace lockstep
