// A fixed number of blocks sum their share, then one block sums the sums. That
// number does not follow the GPU's size, so unlike GPUs get the same bits.

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/reduce.cuh"
#include "kernels/global_norm.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kThreads = 512;
constexpr int kWidth = 4;
constexpr int kUnroll = 4;

// Of an aligned buffer in one access.
template <bool kAligned>
__device__ Vector<float, kWidth> VectorAt(const float* from) {
  if constexpr (kAligned) {
    return Load<kWidth>(from);
  } else {
    Vector<float, kWidth> vector;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) vector.values[i] = from[i];
    return vector;
  }
}

__device__ double Square(float value) {
  return static_cast<double>(value) * static_cast<double>(value);
}

__device__ double Squares(const Vector<float, kWidth>& vector) {
  double sum = 0;
#pragma unroll
  for (const float value : vector.values) sum += Square(value);
  return sum;
}

// The order of the sum does not depend on kAligned.
template <bool kAligned>
__global__ void __launch_bounds__(kThreads)
    PartialSumsKernel(double* partial_sums, const float* values, int64_t size) {
  const int64_t vectors = size / kWidth;
  const int64_t step = int64_t{gridDim.x} * kThreads;
  const int64_t thread = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  double sum = 0;
  for (int64_t begin = thread; begin < vectors; begin += kUnroll * step) {
    Vector<float, kWidth> loaded[kUnroll];
#pragma unroll
    for (int k = 0; k < kUnroll; ++k) {
      const int64_t i = begin + k * step;
      if (i < vectors) loaded[k] = VectorAt<kAligned>(values + i * kWidth);
    }
#pragma unroll
    for (int k = 0; k < kUnroll; ++k) {
      if (begin + k * step < vectors) sum += Squares(loaded[k]);
    }
  }
  const int64_t rest = vectors * kWidth + thread;
  if (rest < size) sum += Square(values[rest]);
  sum = BlockSum(sum);
  if (threadIdx.x == 0) partial_sums[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kThreads)
    TotalKernel(double* total, const double* partial_sums) {
  double sum = 0;
  for (int i = threadIdx.x; i < kSquaredSumScratch; i += kThreads) {
    sum += partial_sums[i];
  }
  sum = BlockSum(sum);
  if (threadIdx.x == 0) *total = sum;
}

}  // namespace
}  // namespace cuda

absl::Status SquaredSumCuda(const SquaredSumArgs& args, Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("global_norm scratch", args.scratch, kSquaredSumScratch));
  const auto partial_sums = cuda::IsAligned(args.values)
                                ? &cuda::PartialSumsKernel<true>
                                : &cuda::PartialSumsKernel<false>;
  partial_sums<<<kSquaredSumScratch, cuda::kThreads, 0, cuda::Handle(stream)>>>(
      args.scratch, args.values, args.size);
  cuda::TotalKernel<<<1, cuda::kThreads, 0, cuda::Handle(stream)>>>(
      args.sum, args.scratch);
  return CudaStatus("global_norm", cudaGetLastError());
}

}  // namespace lockstep
