// Two kernels, each for many matrices: the first finds the largest of every
// part of a matrix, the second the largest of these, and writes. A thread takes
// a vector of a row at a time; neighbours have what lies beside it in memory.

#include <algorithm>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/fp8.cuh"
#include "kernels/cuda/reduce.cuh"
#include "kernels/fp8.h"
#include "kernels/fp8_tail.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kParts = kFp8TailFactorFloats - 1;
constexpr int kMostTails = 32;  // Of a launch: 2 of 4 KB of parameters.

template <typename T>
struct Tail {
  Matrix<T> in{TensorView{}};
  uint8_t* out;
  int64_t out_stride;
  float* factor;
  const float* scale;
  int rows;
  int cols;
  bool transposed;
};

template <typename T>
struct Params {
  Tail<T> tails[kMostTails];
};

template <int kWidth, typename T>
__device__ int Items(const Tail<T>& tail) {
  return tail.rows * (tail.cols / kWidth);
}

template <int kWidth>
struct Item {
  int row;
  int col;
  float x[kWidth];  // Divided by the row's scale.
};

template <int kWidth, typename T>
__device__ Item<kWidth> ItemOf(const Tail<T>& tail, int index) {
  Item<kWidth> item;
  if (tail.transposed) {
    item.row = index % tail.rows;
    item.col = index / tail.rows * kWidth;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      float one[1];
      LoadFloats<1>(tail.in.row(item.col + i) + item.row, one);
      item.x[i] = one[0];
    }
  } else {
    const int vectors = tail.cols / kWidth;
    item.row = index / vectors;
    item.col = index % vectors * kWidth;
    LoadFloats<kWidth>(tail.in.row(item.row) + item.col, item.x);
  }
  const float scale = tail.scale[item.row];
#pragma unroll
  for (int i = 0; i < kWidth; ++i) item.x[i] /= scale;
  return item;
}

__device__ float BlockLargest(float value) {
  return BlockReduce(value, 0.0f,
                     [](float a, float b) { return LargerMagnitude(a, b); });
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    LargestKernel(const __grid_constant__ Params<T> params) {
  const Tail<T>& tail = params.tails[blockIdx.y];
  float most = 0;
  for (int index = blockIdx.x * kThreads + threadIdx.x;
       index < Items<kWidth>(tail); index += kParts * kThreads) {
    const Item<kWidth> item = ItemOf<kWidth>(tail, index);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) most = LargerMagnitude(most, item.x[i]);
  }
  most = BlockLargest(most);
  if (threadIdx.x == 0) tail.factor[1 + blockIdx.x] = most;
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    WriteKernel(const __grid_constant__ Params<T> params) {
  const Tail<T>& tail = params.tails[blockIdx.y];
  const float factor =
      Fp8TailFactor(BlockLargest(tail.factor[1 + threadIdx.x % kParts]));
  if (blockIdx.x == 0 && threadIdx.x == 0) tail.factor[0] = factor;
  for (int index = blockIdx.x * kThreads + threadIdx.x;
       index < Items<kWidth>(tail); index += kParts * kThreads) {
    const Item<kWidth> item = ItemOf<kWidth>(tail, index);
    float high[kWidth], rest[kWidth];
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      const float value = item.x[i] / factor;
      high[i] = RoundedToE4m3(value);
      rest[i] = kFp8RestFactor * __fsub_rn(value, high[i]);
    }
    uint8_t* out = tail.out + item.row * tail.out_stride + item.col;
    StoreE4m3(out, high);
    StoreE4m3(out + tail.cols, rest);
    StoreE4m3(out + 2 * tail.cols, high);
  }
}

bool AreVectorsAligned(const Fp8Tail& tail) {
  const int64_t width = AccessWidth(tail.in);
  const int64_t cols = tail.transposed ? tail.in.rows : tail.in.cols;
  return (tail.transposed || IsAligned(tail.in)) && cols % width == 0 &&
         AreRowsAligned(tail.out, tail.out_stride, width);
}

template <typename T>
Params<T> ParamsOf(absl::Span<const Fp8Tail> tails) {
  Params<T> params;
  for (size_t i = 0; i < tails.size(); ++i) {
    const Fp8Tail& tail = tails[i];
    const int64_t rows = tail.transposed ? tail.in.cols : tail.in.rows;
    const int64_t cols = tail.transposed ? tail.in.rows : tail.in.cols;
    params.tails[i] = {.in = Matrix<T>(tail.in),
                       .out = tail.out,
                       .out_stride = tail.out_stride,
                       .factor = tail.factor,
                       .scale = tail.scale_N,
                       .rows = static_cast<int>(rows),
                       .cols = static_cast<int>(cols),
                       .transposed = tail.transposed};
  }
  return params;
}

void Launch(absl::Span<const Fp8Tail> tails, cudaStream_t stream) {
  const bool aligned =
      std::all_of(tails.begin(), tails.end(),
                  [](const Fp8Tail& tail) { return AreVectorsAligned(tail); });
  WithDType(tails[0].in.dtype, aligned, [&]<typename T, int kWidth>() {
    const Params<T> params = ParamsOf<T>(tails);
    const dim3 grid(kParts, static_cast<unsigned>(tails.size()));
    LargestKernel<T, kWidth><<<grid, kThreads, 0, stream>>>(params);
    WriteKernel<T, kWidth><<<grid, kThreads, 0, stream>>>(params);
  });
}

}  // namespace
}  // namespace cuda

absl::Status PackFp8TailsCuda(absl::Span<const Fp8Tail> tails, Stream stream) {
  for (const Fp8Tail& tail : tails) {
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(
        cuda::CheckViews("fp8_tail", tails[0].in.dtype, {tail.in}));
  }
  while (!tails.empty()) {
    cuda::Launch(tails.subspan(0, cuda::kMostTails), cuda::Handle(stream));
    tails.remove_prefix(std::min<size_t>(cuda::kMostTails, tails.size()));
  }
  return CudaStatus("fp8_tail", cudaGetLastError());
}

}  // namespace lockstep
