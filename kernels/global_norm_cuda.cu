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

template <int kWidth>
__device__ double Squares(const float* from) {
  float values[kWidth];
  LoadFloats<kWidth>(from, values);
  double sum = 0;
#pragma unroll
  for (const float value : values) {
    sum += static_cast<double>(value) * static_cast<double>(value);
  }
  return sum;
}

// The elements are summed in the same order whether the buffer is aligned
// (kLoad is 4) or not (1).
template <int kLoad>
__global__ void __launch_bounds__(kThreads)
    PartialSumsKernel(double* partial_sums, const float* values, int64_t size) {
  const int64_t vectors = size / kWidth;
  const int64_t step = int64_t{gridDim.x} * kThreads;
  const int64_t thread = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  double sum = 0;
#pragma unroll kUnroll
  for (int64_t i = thread; i < vectors; i += step) {
    double squares = 0;
#pragma unroll
    for (int k = 0; k < kWidth; k += kLoad) {
      squares += Squares<kLoad>(values + i * kWidth + k);
    }
    sum += squares;
  }
  const int64_t rest = vectors * kWidth + thread;
  if (rest < size) sum += Squares<1>(values + rest);
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
                                ? &cuda::PartialSumsKernel<cuda::kWidth>
                                : &cuda::PartialSumsKernel<1>;
  partial_sums<<<kSquaredSumScratch, cuda::kThreads, 0, cuda::Handle(stream)>>>(
      args.scratch, args.values, args.size);
  cuda::TotalKernel<<<1, cuda::kThreads, 0, cuda::Handle(stream)>>>(
      args.sum, args.scratch);
  return CudaStatus("global_norm", cudaGetLastError());
}

}  // namespace lockstep
