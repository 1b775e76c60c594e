// A row is passed over twice: for a running maximum and sum of exponentials
// (arXiv:1805.02867), then for the gradient. Between the passes it stays in
// shared memory, each vector with the thread that read it. So that a large
// vocabulary fits there, and one row is read while another is written, a
// cluster of blocks shares a row where the GPU has clusters; what still does
// not fit is read again.

#include <cooperative_groups.h>

#include <climits>

#include "absl/status/statusor.h"
#include "kernels/cross_entropy.h"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/gpu.h"
#include "kernels/cuda/reduce.cuh"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kMaxThreads = 512;
constexpr int kBlocksOfAnSm = 3;
constexpr int kUnroll = 2;
// The largest cluster that every GPU with clusters runs.
constexpr int kMaxParts = 8;
// Of a row for one block: kBlocksOfAnSm of them fit an H100's shared memory.
constexpr int64_t kPartBytes = 74 * 1024 + 512;

// Below every logit, and finite, as is its product with kLog2OfE.
constexpr float kLeast = -1e30f;
constexpr float kLog2OfE = 1.44269504088896341f;

// exp(logit - most) in one multiply-add and one machine instruction.
__device__ inline float Exponential(float logit, float scaled_most) {
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;"
      : "=f"(power)
      : "f"(fmaf(logit, kLog2OfE, -scaled_most)));
  return power;
}

// Of some of a row's logits: the largest, the first column that has it, and the
// sum of exp(logit - largest).
struct Softmax {
  float most = kLeast;
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
  const float scaled_most = softmax.most * kLog2OfE;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    softmax.sum += Exponential(logits[i], scaled_most);
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

// Over the blocks that share a row; every thread gets the row's. A block's
// result must be there until all have read it, which Leave() waits for.
class RowCluster {
 public:
  __device__ explicit RowCluster(int parts) : parts_(parts) {}

  __device__ Softmax Combine(Softmax softmax, Softmax* own) {
#if __CUDA_ARCH__ >= 900
    if (parts_ == 1) return softmax;
    namespace cg = cooperative_groups;
    if (threadIdx.x == 0) *own = softmax;
    cg::this_cluster().sync();
    softmax = Softmax{};
    for (int part = 0; part < parts_; ++part) {
      softmax = cuda::Combine(softmax,
                              *cg::this_cluster().map_shared_rank(own, part));
    }
    asm volatile("barrier.cluster.arrive.aligned;" ::: "memory");
#endif
    return softmax;
  }
  __device__ void Leave() const {
#if __CUDA_ARCH__ >= 900
    if (parts_ > 1) asm volatile("barrier.cluster.wait.aligned;" ::: "memory");
#endif
  }

 private:
  int parts_;
};

template <typename T>
struct Params {
  float* loss;
  unsigned long long* correct;
  Matrix<T> logits;
  const int32_t* labels;
  int cols;
  int parts;      // Blocks of a row.
  int part_cols;  // Columns of each but the last.
  int kept;       // Of these, how many stay in shared memory.
  float scale;
};

// A block's part of a row.
template <typename T>
struct Part {
  T* data;
  int first;  // Column of the row.
  int cols;
  int kept;
};

template <typename T>
__device__ Part<T> PartOf(const Params<T>& params) {
  const int first =
      static_cast<int>(blockIdx.x % params.parts) * params.part_cols;
  const int cols = max(0, min(params.part_cols, params.cols - first));
  return {.data = params.logits.row(blockIdx.x / params.parts) + first,
          .first = first,
          .cols = cols,
          .kept = min(params.kept, cols)};
}

template <typename T, int kWidth, bool kBackward>
__device__ Softmax Read(const Part<T>& part, Vector<T, kWidth>* kept) {
  Softmax softmax;
  const int step = blockDim.x * kWidth;
  for (int begin = threadIdx.x * kWidth; begin < part.cols;
       begin += kUnroll * step) {
    Vector<T, kWidth> vectors[kUnroll];
#pragma unroll
    for (int k = 0; k < kUnroll; ++k) {
      const int col = begin + k * step;
      if (col < part.cols) vectors[k] = Load<kWidth>(part.data + col);
    }
#pragma unroll
    for (int k = 0; k < kUnroll; ++k) {
      const int col = begin + k * step;
      if (col >= part.cols) break;
      if (kBackward && col < part.kept) kept[col / kWidth] = vectors[k];
      float logits[kWidth];
      Unpack(vectors[k], logits);
      Add(logits, part.first + col, softmax);
    }
  }
  return softmax;
}

// `label` counts from the part's first column.
template <typename T>
struct Gradient {
  T* to;
  int label;
  float scaled_most;
  float share;  // scale / sum
  float scale;

  template <int kWidth>
  __device__ void Write(const Vector<T, kWidth>& vector, int col) const {
    float x[kWidth];
    Unpack(vector, x);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      x[i] = Exponential(x[i], scaled_most) * share;
    }
    if (label >= col && label < col + kWidth) {  // In one vector of a row.
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        if (col + i == label) x[i] -= scale;
      }
    }
    StoreFloats<kWidth>(to + col, x);
  }
};

template <typename T, int kWidth>
__device__ void WriteGradient(const Part<T>& part,
                              const Vector<T, kWidth>* kept,
                              const Gradient<T>& gradient) {
  const int step = blockDim.x * kWidth;
  int col = threadIdx.x * kWidth;
#pragma unroll kUnroll
  for (; col < part.kept; col += step) {
    gradient.Write(kept[col / kWidth], col);
  }
#pragma unroll kUnroll
  for (; col < part.cols; col += step) {
    gradient.Write(Load<kWidth>(part.data + col), col);
  }
}

template <typename T, int kWidth, bool kBackward>
__global__ void __launch_bounds__(kMaxThreads, kBlocksOfAnSm)
    CrossEntropyKernel(const Params<T> params) {
  extern __shared__ __align__(16) unsigned char shared[];
  __shared__ Softmax own;
  auto* kept = reinterpret_cast<Vector<T, kWidth>*>(shared);
  const Part<T> part = PartOf(params);
  const int64_t row = blockIdx.x / params.parts;
  const int label = params.labels[row];
  float logit[1];  // Before anybody overwrites it.
  LoadFloats<1>(params.logits.row(row) + label, logit);
  RowCluster cluster(params.parts);
  const Softmax softmax = cluster.Combine(
      BlockCombine(Read<T, kWidth, kBackward>(part, kept)), &own);
  if (part.first == 0 && threadIdx.x == 0) {
    params.loss[row] = logf(softmax.sum) + softmax.most - logit[0];
    if (params.correct != nullptr && softmax.column == label) {
      atomicAdd(params.correct, 1ull);  // Whole numbers: any order will do.
    }
  }
  if constexpr (kBackward) {
    const Gradient<T> gradient = {.to = part.data,
                                  .label = label - part.first,
                                  .scaled_most = softmax.most * kLog2OfE,
                                  .share = params.scale / softmax.sum,
                                  .scale = params.scale};
    WriteGradient(part, kept, gradient);
  }
  cluster.Leave();
}

template <typename T, int kWidth, bool kBackward>
Params<T> ParamsOf(const CrossEntropyArgs& args, const Gpu& gpu) {
  const int64_t vectors = CeilDivide(args.logits_RV.cols, kWidth);
  const int64_t bytes = vectors * kWidth * int64_t{sizeof(T)};
  int parts = 1;
  while (kBackward && gpu.has_clusters && parts < kMaxParts &&
         bytes > parts * kPartBytes) {
    parts *= 2;
  }
  const int64_t part_cols = CeilDivide(vectors, parts) * kWidth;
  const int64_t most = gpu.shared_bytes / kAccessBytes * kAccessBytes;
  const int64_t kept =
      kBackward ? std::min<int64_t>(part_cols, most / sizeof(T)) : 0;
  return {.loss = args.loss_R,
          .correct = reinterpret_cast<unsigned long long*>(args.correct),
          .logits = Matrix<T>(args.logits_RV),
          .labels = args.labels_R,
          .cols = static_cast<int>(args.logits_RV.cols),
          .parts = parts,
          .part_cols = static_cast<int>(part_cols),
          .kept = static_cast<int>(kept),
          .scale = static_cast<float>(args.scale)};
}

template <typename T, int kWidth, bool kBackward>
cudaError_t Launch(const CrossEntropyArgs& args, const Gpu& gpu,
                   cudaStream_t stream) {
  const Params<T> params = ParamsOf<T, kWidth, kBackward>(args, gpu);
  const auto kernel = &CrossEntropyKernel<T, kWidth, kBackward>;
  cudaLaunchAttribute cluster;
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {static_cast<unsigned int>(params.parts), 1, 1};
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(args.logits_RV.rows * params.parts);
  config.blockDim =
      dim3(ThreadsFor(params.part_cols / kWidth, kUnroll, kMaxThreads));
  config.dynamicSmemBytes = params.kept * sizeof(T);
  config.stream = stream;
  config.attrs = &cluster;
  config.numAttrs = params.parts > 1 ? 1 : 0;
  const cudaError_t error =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           static_cast<int>(config.dynamicSmemBytes));
  return error != cudaSuccess ? error
                              : cudaLaunchKernelEx(&config, kernel, params);
}

template <bool kBackward>
absl::Status Run(const CrossEntropyArgs& args, Stream stream) {
  if (args.logits_RV.rows == 0) return absl::OkStatus();
  const absl::StatusOr<Gpu> gpu = CurrentGpu("cross_entropy");
  if (!gpu.ok()) return gpu.status();
  cudaError_t error = cudaSuccess;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(LaunchOn(
      "cross_entropy", {args.logits_RV}, [&]<typename T, int kWidth>() {
        error = Launch<T, kWidth, kBackward>(args, *gpu, Handle(stream));
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
