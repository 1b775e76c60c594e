// A block takes one row and passes over it twice: a running maximum and sum of
// exponentials (arXiv:1805.02867), then the gradient. As much of the row as
// fits stays in shared memory between the passes, each vector with the thread
// that read it; the rest is read again.

#include <cfloat>
#include <climits>

#include "absl/status/statusor.h"
#include "kernels/cross_entropy.h"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/reduce.cuh"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kMaxThreads = 1024;
constexpr int kUnroll = 4;
// Of shared memory, for what is declared in the kernel.
constexpr int64_t kReservedBytes = 1024;

// Of some of a row's logits: the largest, the first column that has it, and the
// sum of exp(logit - largest).
struct Softmax {
  float most = -FLT_MAX;
  float sum = 0;
  int column = INT_MAX;
};

__device__ inline Softmax Combine(const Softmax& a, const Softmax& b) {
  const float most = fmaxf(a.most, b.most);
  return {.most = most,
          .sum = a.sum * __expf(a.most - most) + b.sum * __expf(b.most - most),
          .column = a.most > b.most   ? a.column
                    : a.most < b.most ? b.column
                                      : min(a.column, b.column)};
}

template <int kWidth>
__device__ void Add(const float (&logits)[kWidth], int column,
                    Softmax& softmax) {
  float most = logits[0];
#pragma unroll
  for (int i = 1; i < kWidth; ++i) most = fmaxf(most, logits[i]);
  if (most > softmax.most) {
    softmax.sum *= __expf(softmax.most - most);
    softmax.most = most;
#pragma unroll
    for (int i = kWidth - 1; i >= 0; --i) {
      if (logits[i] == most) softmax.column = column + i;
    }
  }
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    softmax.sum += __expf(logits[i] - softmax.most);
  }
}

// Every thread gets the row's.
__device__ Softmax BlockCombine(Softmax softmax) {
  __shared__ Softmax warps[kMaxWarps];
  const auto warp_combine = [](Softmax value) {
#pragma unroll
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
      value = Combine(value,
                      {.most = __shfl_xor_sync(~0u, value.most, distance),
                       .sum = __shfl_xor_sync(~0u, value.sum, distance),
                       .column = __shfl_xor_sync(~0u, value.column, distance)});
    }
    return value;
  };
  softmax = warp_combine(softmax);
  const int lane = threadIdx.x % kWarp;
  if (lane == 0) warps[threadIdx.x / kWarp] = softmax;
  __syncthreads();
  const bool there = lane < static_cast<int>(blockDim.x) / kWarp;
  return warp_combine(there ? warps[lane] : Softmax{});
}

template <typename T>
struct Params {
  float* loss;
  unsigned long long* correct;
  Matrix<T> logits;
  const int32_t* labels;
  int cols;
  int kept;  // Columns that stay in shared memory.
  float scale;
};

template <typename T, int kWidth, bool kBackward>
__device__ Softmax ReadRow(const Params<T>& params, const T* row,
                           Vector<T, kWidth>* kept) {
  Softmax softmax;
  const int step = blockDim.x * kWidth;
  for (int begin = threadIdx.x * kWidth; begin < params.cols;
       begin += kUnroll * step) {
    Vector<T, kWidth> vectors[kUnroll];
#pragma unroll
    for (int k = 0; k < kUnroll; ++k) {
      const int col = begin + k * step;
      if (col < params.cols) vectors[k] = Load<kWidth>(row + col);
    }
#pragma unroll
    for (int k = 0; k < kUnroll; ++k) {
      const int col = begin + k * step;
      if (col >= params.cols) break;
      if (kBackward && col < params.kept) kept[col / kWidth] = vectors[k];
      float logits[kWidth];
      Unpack(vectors[k], logits);
      Add(logits, col, softmax);
    }
  }
  return softmax;
}

template <typename T, int kWidth>
__device__ void StoreGradient(T* to, const Vector<T, kWidth>& vector, int col,
                              int label, float most, float share, float scale) {
  float x[kWidth];
  Unpack(vector, x);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    x[i] = __expf(x[i] - most) * share - (col + i == label ? scale : 0.0f);
  }
  StoreFloats<kWidth>(to, x);
}

template <typename T, int kWidth, bool kBackward>
__global__ void __launch_bounds__(kMaxThreads)
    CrossEntropyKernel(const Params<T> params) {
  extern __shared__ __align__(16) unsigned char shared[];
  auto* kept = reinterpret_cast<Vector<T, kWidth>*>(shared);
  T* row = params.logits.row(blockIdx.x);
  const int label = params.labels[blockIdx.x];
  float logit[1];
  LoadFloats<1>(row + label, logit);
  const Softmax softmax =
      BlockCombine(ReadRow<T, kWidth, kBackward>(params, row, kept));
  if (threadIdx.x == 0) {
    params.loss[blockIdx.x] = logf(softmax.sum) + softmax.most - logit[0];
    if (params.correct != nullptr && softmax.column == label) {
      atomicAdd(params.correct, 1ull);  // Whole numbers: any order will do.
    }
  }
  if constexpr (kBackward) {
    const float share = params.scale / softmax.sum;
    const int step = blockDim.x * kWidth;
#pragma unroll kUnroll
    for (int col = threadIdx.x * kWidth; col < params.kept; col += step) {
      StoreGradient(row + col, kept[col / kWidth], col, label, softmax.most,
                    share, params.scale);
    }
    const int first = (params.kept / step * blockDim.x + threadIdx.x) * kWidth;
#pragma unroll kUnroll
    for (int col = first < params.kept ? first + step : first;
         col < params.cols; col += step) {
      StoreGradient(row + col, Load<kWidth>(row + col), col, label,
                    softmax.most, share, params.scale);
    }
  }
}

// How much of a row this GPU's shared memory can keep.
absl::StatusOr<int64_t> KeptBytes() {
  int device = 0, bytes = 0;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CudaStatus("cross_entropy", cudaGetDevice(&device)));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CudaStatus("cross_entropy",
                 cudaDeviceGetAttribute(
                     &bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device)));
  return bytes - kReservedBytes;
}

template <bool kBackward>
absl::Status Run(const CrossEntropyArgs& args, Stream stream) {
  const int64_t rows = args.logits_RV.rows, cols = args.logits_RV.cols;
  if (rows == 0) return absl::OkStatus();
  const absl::StatusOr<int64_t> kept_bytes = KeptBytes();
  if (!kept_bytes.ok()) return kept_bytes.status();
  cudaError_t error = cudaSuccess;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(LaunchOn(
      "cross_entropy", {args.logits_RV}, [&]<typename T, int kWidth>() {
        const int64_t kept =
            kBackward ? std::min<int64_t>(cols, *kept_bytes / sizeof(T)) : 0;
        const Params<T> params = {
            .loss = args.loss_R,
            .correct = reinterpret_cast<unsigned long long*>(args.correct),
            .logits = Matrix<T>(args.logits_RV),
            .labels = args.labels_R,
            .cols = static_cast<int>(cols),
            .kept = static_cast<int>(kept),
            .scale = static_cast<float>(args.scale)};
        const auto kernel = &CrossEntropyKernel<T, kWidth, kBackward>;
        const int shared = static_cast<int>(kept * sizeof(T));
        error = cudaFuncSetAttribute(
            kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared);
        if (error != cudaSuccess) return;
        const int threads = ThreadsFor(cols / kWidth, kUnroll, kMaxThreads);
        kernel<<<rows, threads, shared, Handle(stream)>>>(params);
      }));
  return CudaStatus("cross_entropy", error);
}

}  // namespace
}  // namespace cuda

absl::Status CrossEntropyForwardCuda(const CrossEntropyArgs& args,
                                     Stream stream) {
  return cuda::Run</*kBackward=*/false>(args, stream);
}

absl::Status CrossEntropyForwardBackwardCuda(const CrossEntropyArgs& args,
                                             Stream stream) {
  return cuda::Run</*kBackward=*/true>(args, stream);
}

}  // namespace lockstep
