// Short rows have a block each, which keeps its row in registers. Of longer
// rows, as many blocks as the GPU holds take their share: while a block looks
// for the largest of one row, and then writes it, its next row is on its way to
// shared memory: there is a slot for each. What does not fit there twice is
// read twice.

#include <cuda_fp8.h>

#include <bit>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/fetch.cuh"
#include "kernels/cuda/fp8.cuh"
#include "kernels/cuda/gpu.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/fp8.h"
#include "kernels/quantize_fp8.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kMostThreads = 512;
constexpr int kBlocksOfAnSm = 3;      // Of so many threads, at least.
constexpr int kVectorsOfAThread = 4;  // Of a row, or some more.
constexpr int kSlots = 2;
constexpr int kKept = 2;  // Vectors of a short row that a thread keeps.

template <typename T>
struct Params {
  Matrix<T> in;
  uint8_t* out;
  int64_t out_stride;
  float* scale;
  const float* tail_factor;
  float least;
  int cols;  // Before the tail.
  int tail;

  __host__ __device__ int all() const { return cols + tail; }
  int64_t bytes_of_slots() const {
    return kSlots * int64_t{all()} * int64_t{sizeof(T)};
  }
};

// The largest magnitude among vectors.
template <typename T, int kWidth>
class Largest {
 public:
  __device__ void Add(const Vector<T, kWidth>& vector) {
    float x[kWidth];
    Unpack(vector, x);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) most_ = LargerMagnitude(most_, x[i]);
  }
  __device__ float value() const { return most_; }

 private:
  float most_ = 0;
};

// Two are compared by one machine instruction.
template <>
class Largest<__nv_bfloat16, kAccessBytes / 2> {
 public:
  __device__ void Add(const Vector<__nv_bfloat16, kAccessBytes / 2>& vector) {
#pragma unroll
    for (const uint32_t pair : vector.pairs) {
      most_ =
          __hmax2_nan(most_, __habs2(std::bit_cast<__nv_bfloat162_raw>(pair)));
    }
  }
  __device__ float value() const {
    return LargerMagnitude(__low2float(most_), __high2float(most_));
  }

 private:
  __nv_bfloat162 most_ = __nv_bfloat162_raw{0, 0};
};

template <typename T, int kWidth>
__device__ void WriteScaled(uint8_t* out, const Vector<T, kWidth>& vector,
                            float inverse) {
  float x[kWidth];
  Unpack(vector, x);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) x[i] *= inverse;
  StoreE4m3(out, x);
}

// Of a tail of `tail` columns.
template <typename T, int kWidth>
__device__ void WriteTail(uint8_t* out, int tail,
                          const Vector<T, kWidth>& vector, float factor,
                          float inverse) {
  float x[kWidth], third[kWidth], rest[kWidth];
  Unpack(vector, x);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {  // Without a fused multiply and subtract.
    const float value = __fmul_rn(__fmul_rn(x[i], factor), inverse);
    x[i] = RoundedToE4m3(value);
    third[i] = x[i] / kFp8RestFactor;
    rest[i] = __fsub_rn(value, x[i]);
  }
  StoreE4m3(out, x);
  StoreE4m3(out + tail, third);
  StoreE4m3(out + 2 * tail, rest);
}

// A row in device memory or, if kFetched, in a slot.
template <typename T, int kWidth, bool kFetched>
struct Row {
  const T* data;
  const Vector<T, kWidth>* slot;

  __device__ Vector<T, kWidth> At(int col) const {
    if constexpr (kFetched) {
      return slot[col / kWidth];
    } else {
      return Load<kWidth>(data + col);
    }
  }
};

// The largest over the block; every thread gets it. The bits of magnitudes are
// in the order of these, and those of a NaN above all. `warps` as in
// BlockReduce.
__device__ inline float BlockLargest(float magnitude,
                                     unsigned int (&warps)[kMaxWarps]) {
  const int lane = threadIdx.x % kWarp;
  unsigned int most = __reduce_max_sync(~0u, __float_as_uint(magnitude));
  if (lane == 0) warps[threadIdx.x / kWarp] = most;
  __syncthreads();
  const bool there = lane < static_cast<int>(blockDim.x) / kWarp;
  return __uint_as_float(__reduce_max_sync(~0u, there ? warps[lane] : 0));
}

// The row's largest magnitude; every thread gets it.
template <typename T, int kWidth, bool kFetched>
__device__ float LargestOfRow(const Params<T>& params,
                              const Row<T, kWidth, kFetched>& row, float factor,
                              unsigned int (&warps)[kMaxWarps]) {
  Largest<T, kWidth> of_head, of_tail;
  const int step = blockDim.x * kWidth;
  int col = threadIdx.x * kWidth;
#pragma unroll kVectorsOfAThread
  for (; col < params.cols; col += step) of_head.Add(row.At(col));
  for (; col < params.all(); col += step) of_tail.Add(row.At(col));
  const float most = LargerMagnitude(
      LargerMagnitude(params.least, of_head.value()), of_tail.value() * factor);
  return BlockLargest(most, warps);
}

template <typename T, int kWidth, bool kFetched>
__global__ void __launch_bounds__(kMostThreads, kBlocksOfAnSm)
    QuantizeKernel(const Params<T> params, int64_t rows) {
  extern __shared__ __align__(16) unsigned char shared[];
  __shared__ unsigned int warps[kSlots][kMaxWarps];
  auto* slots = reinterpret_cast<Vector<T, kWidth>*>(shared);
  const auto slot = [&](int number) {
    return slots + number * (params.all() / kWidth);
  };
  const auto fetch = [&](int64_t row, int number) {
    if constexpr (kFetched) {
      if (row < rows) FetchRow(slot(number), params.in.row(row), params.all());
      EndFetches();
    }
  };
  const float factor = params.tail > 0 ? *params.tail_factor : 1.0f;
  const int step = blockDim.x * kWidth;
  for (int number = 0; number < kSlots; ++number) {
    fetch(blockIdx.x + int64_t{number} * gridDim.x, number);
  }
  int number = 0;
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    if constexpr (kFetched) WaitForFetches<kSlots - 1>();
    const Row<T, kWidth, kFetched> in = {params.in.row(row), slot(number)};
    const Fp8Scale scale =
        Fp8ScaleOf(LargestOfRow(params, in, factor, warps[number]));
    if (threadIdx.x == 0) params.scale[row] = scale.scale;
    uint8_t* out = params.out + row * params.out_stride;
    int col = threadIdx.x * kWidth;
#pragma unroll kVectorsOfAThread
    for (; col < params.cols; col += step) {
      WriteScaled(out + col, in.At(col), scale.inverse);
    }
    for (; col < params.all(); col += step) {
      WriteTail(out + col, params.tail, in.At(col), factor, scale.inverse);
    }
    fetch(row + int64_t{kSlots} * gridDim.x, number);
    number = (number + 1) % kSlots;
  }
}

// A block takes a row, of which a thread keeps kKept vectors.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kMostThreads)
    ShortRowsKernel(const Params<T> params) {
  __shared__ unsigned int warps[kMaxWarps];
  const int64_t row = blockIdx.x;
  const int step = blockDim.x * kWidth;
  const int begin = threadIdx.x * kWidth;
  Vector<T, kWidth> kept[kKept];
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col < params.all()) kept[k] = Load<kWidth>(params.in.row(row) + col);
  }
  const float factor = params.tail > 0 ? *params.tail_factor : 1.0f;
  Largest<T, kWidth> of_head, of_tail;
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col < params.cols) {
      of_head.Add(kept[k]);
    } else if (col < params.all()) {
      of_tail.Add(kept[k]);
    }
  }
  const float most = LargerMagnitude(
      LargerMagnitude(params.least, of_head.value()), of_tail.value() * factor);
  const Fp8Scale scale = Fp8ScaleOf(BlockLargest(most, warps));
  if (threadIdx.x == 0) params.scale[row] = scale.scale;
  uint8_t* out = params.out + row * params.out_stride;
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col < params.cols) {
      WriteScaled(out + col, kept[k], scale.inverse);
    } else if (col < params.all()) {
      WriteTail(out + col, params.tail, kept[k], factor, scale.inverse);
    }
  }
}

template <typename T, int kWidth>
cudaError_t LaunchShortRows(const Params<T>& params, int64_t rows, const Gpu&,
                            cudaStream_t stream) {
  const int threads = ThreadsFor(params.all() / kWidth, kKept);
  ShortRowsKernel<T, kWidth>
      <<<static_cast<unsigned int>(rows), threads, 0, stream>>>(params);
  return cudaGetLastError();
}

template <typename T, int kWidth, bool kFetched>
cudaError_t LaunchKernel(const Params<T>& params, int64_t rows, const Gpu& gpu,
                         cudaStream_t stream) {
  const auto kernel = &QuantizeKernel<T, kWidth, kFetched>;
  const int64_t vectors = params.all() / kWidth;
  const int threads = static_cast<int>(std::clamp<int64_t>(
      vectors / kVectorsOfAThread / kWarp * kWarp, kWarp, kMostThreads));
  const int bytes = kFetched ? static_cast<int>(params.bytes_of_slots()) : 0;
  cudaError_t error = cudaFuncSetAttribute(
      kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error != cudaSuccess) return error;
  int blocks_of_an_sm = 0;
  error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks_of_an_sm,
                                                        kernel, threads, bytes);
  if (error != cudaSuccess) return error;
  const int64_t blocks = std::min<int64_t>(
      rows, int64_t{gpu.processors} * std::max(blocks_of_an_sm, 1));
  kernel<<<blocks, threads, bytes, stream>>>(params, rows);
  return cudaGetLastError();
}

// Every vector is then on one side of where the tail begins.
bool AreVectorsAligned(const QuantizeFp8Args& args) {
  const int64_t width = AccessWidth(args.in);
  return IsAligned(args.in) && args.tail % width == 0 &&
         AreRowsAligned(args.out, args.out_stride, width);
}

}  // namespace
}  // namespace cuda

absl::Status QuantizeFp8Cuda(const QuantizeFp8Args& args, Stream stream) {
  const int64_t rows = args.in.rows;
  if (rows == 0 || args.in.cols == 0) return absl::OkStatus();
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      cuda::CheckViews("quantize_fp8", args.in.dtype, {args.in}));
  const absl::StatusOr<cuda::Gpu> gpu = cuda::CurrentGpu("quantize_fp8");
  if (!gpu.ok()) return gpu.status();
  cudaError_t error = cudaSuccess;
  cuda::WithDType(args.in.dtype, cuda::AreVectorsAligned(args),
                  [&]<typename T, int kWidth>() {
                    const cuda::Params<T> params = {
                        .in = cuda::Matrix<T>(args.in),
                        .out = args.out,
                        .out_stride = args.out_stride,
                        .scale = args.scale_T,
                        .tail_factor = args.tail_factor,
                        .least = args.least,
                        .cols = static_cast<int>(args.in.cols - args.tail),
                        .tail = static_cast<int>(args.tail)};
                    const auto launch =
                        params.all() <=
                                cuda::kMostThreads * cuda::kKept * kWidth
                            ? &cuda::LaunchShortRows<T, kWidth>
                        : params.bytes_of_slots() <= gpu->shared_bytes
                            ? &cuda::LaunchKernel<T, kWidth, true>
                            : &cuda::LaunchKernel<T, kWidth, false>;
                    error = launch(params, rows, *gpu, cuda::Handle(stream));
                  });
  return CudaStatus("quantize_fp8", error);
}

}  // namespace lockstep
