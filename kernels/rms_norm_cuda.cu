// A block takes one row, kept in registers between its two passes; what does
// not fit there is read again. Where the weight is trained, a block takes many
// rows, adds up what they have for the weight, and fetches a row while it works
// on the one before; the sums of the blocks are added in a launch of their own.
// Rows too long for that are read once more for the weight.

#include "kernels/cuda/column_sum.cuh"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/fetch.cuh"
#include "kernels/cuda/gpu.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/rms_norm.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kKept = 2;  // Vectors of a row that a thread keeps.

template <typename T>
struct ForwardParams {
  Matrix<T> out, sum, in, delta;
  const T* weight;
  float* inv_rms;
  bool adds;
  int cols;
  float epsilon;
};

// The residual sum at `col`, as it is stored: rounded to T, because the
// backward pass norms what was stored.
template <typename T, int kWidth>
__device__ Vector<T, kWidth> SumAt(const ForwardParams<T>& params, int64_t row,
                                   int col) {
  Vector<T, kWidth> sum = Load<kWidth>(params.in.row(row) + col);
  if (!params.adds) return sum;
  float a[kWidth], b[kWidth];
  Unpack(sum, a);
  LoadFloats<kWidth>(params.delta.row(row) + col, b);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) a[i] += b[i];
  Pack(a, sum);
  return sum;
}

template <typename T, int kWidth>
__device__ float SquaresOf(const Vector<T, kWidth>& vector) {
  float x[kWidth], squares = 0;
  Unpack(vector, x);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) squares += x[i] * x[i];
  return squares;
}

template <typename T, int kWidth>
__device__ void StoreNormed(const ForwardParams<T>& params, int64_t row,
                            int col, const Vector<T, kWidth>& sum,
                            float inv_rms) {
  float x[kWidth], weight[kWidth];
  Unpack(sum, x);
  LoadFloats<kWidth>(params.weight + col, weight);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) x[i] = x[i] * inv_rms * weight[i];
  StoreFloats<kWidth>(params.out.row(row) + col, x);
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(1024)
    ForwardKernel(const ForwardParams<T> params) {
  const int64_t row = blockIdx.x;
  const int step = blockDim.x * kWidth;
  const int begin = threadIdx.x * kWidth;
  const int rest = begin + kKept * step;
  Vector<T, kWidth> kept[kKept];
  float squares = 0;
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col < params.cols) kept[k] = SumAt<T, kWidth>(params, row, col);
  }
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col >= params.cols) continue;
    if (params.adds) Store(params.sum.row(row) + col, kept[k]);
    squares += SquaresOf(kept[k]);
  }
  for (int col = rest; col < params.cols; col += step) {
    const auto sum = SumAt<T, kWidth>(params, row, col);
    if (params.adds) Store(params.sum.row(row) + col, sum);
    squares += SquaresOf(sum);
  }

  const float mean = BlockSum(squares) / static_cast<float>(params.cols);
  const float inv_rms = 1.0f / sqrtf(mean + params.epsilon);
  if (threadIdx.x == 0) params.inv_rms[row] = inv_rms;
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col < params.cols) StoreNormed(params, row, col, kept[k], inv_rms);
  }
  const T* sums = params.adds ? params.sum.row(row) : params.in.row(row);
  for (int col = rest; col < params.cols; col += step) {
    StoreNormed(params, row, col, Load<kWidth>(sums + col), inv_rms);
  }
}

template <typename T>
struct BackwardParams {
  Matrix<T> d_in, d_out, sum, d_residual;
  const T* weight;
  const float* inv_rms;
  bool has_residual;
  int cols;

  // That have a row each.
  __host__ __device__ int operands() const { return has_residual ? 3 : 2; }
  int64_t slot_bytes() const {
    return int64_t{operands()} * cols * int64_t{sizeof(T)};
  }
};

// What a row's two passes read at one place.
template <typename T, int kWidth>
struct BackwardInput {
  Vector<T, kWidth> d_out, sum;
};

template <typename T, int kWidth>
__device__ BackwardInput<T, kWidth> InputAt(const BackwardParams<T>& params,
                                            int64_t row, int col) {
  return {Load<kWidth>(params.d_out.row(row) + col),
          Load<kWidth>(params.sum.row(row) + col)};
}

template <typename T, int kWidth>
__device__ float DotOf(const BackwardParams<T>& params, int col,
                       const BackwardInput<T, kWidth>& input) {
  float d_out[kWidth], sum[kWidth], weight[kWidth], dot = 0;
  Unpack(input.d_out, d_out);
  Unpack(input.sum, sum);
  LoadFloats<kWidth>(params.weight + col, weight);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) dot += d_out[i] * weight[i] * sum[i];
  return dot;
}

// `share` is sum_D(g * sum) * inv_rms^2 / D. `residual` is where the row's
// d_residual is at `col`, if it has one.
template <typename T, int kWidth>
__device__ void StoreGradient(const BackwardParams<T>& params, int64_t row,
                              int col, const BackwardInput<T, kWidth>& input,
                              const T* residual, float inv_rms, float share) {
  float d_out[kWidth], sum[kWidth], weight[kWidth], rest[kWidth] = {};
  Unpack(input.d_out, d_out);
  Unpack(input.sum, sum);
  LoadFloats<kWidth>(params.weight + col, weight);
  if (params.has_residual) LoadFloats<kWidth>(residual, rest);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    d_out[i] = inv_rms * (d_out[i] * weight[i] - sum[i] * share) + rest[i];
  }
  StoreFloats<kWidth>(params.d_in.row(row) + col, d_out);
}

// sum += d_out * n
template <typename T, int kWidth>
__device__ void AddWeightTerms(const BackwardInput<T, kWidth>& input,
                               float inv_rms, float (&sums)[kWidth]) {
  float d_out[kWidth], x[kWidth];
  Unpack(input.d_out, d_out);
  Unpack(input.sum, x);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) sums[i] += d_out[i] * (x[i] * inv_rms);
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(1024)
    BackwardKernel(const BackwardParams<T> params) {
  const int64_t row = blockIdx.x;
  const int step = blockDim.x * kWidth;
  const int begin = threadIdx.x * kWidth;
  const int rest = begin + kKept * step;
  const float inv_rms = params.inv_rms[row];
  BackwardInput<T, kWidth> kept[kKept];
  float dot = 0;
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col < params.cols) kept[k] = InputAt<T, kWidth>(params, row, col);
  }
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col < params.cols) dot += DotOf(params, col, kept[k]);
  }
  for (int col = rest; col < params.cols; col += step) {
    dot += DotOf(params, col, InputAt<T, kWidth>(params, row, col));
  }

  const float share =
      BlockSum(dot) * inv_rms * inv_rms / static_cast<float>(params.cols);
  const T* residual = params.d_residual.row(row);
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col < params.cols) {
      StoreGradient(params, row, col, kept[k], residual + col, inv_rms, share);
    }
  }
  for (int col = rest; col < params.cols; col += step) {
    StoreGradient(params, row, col, InputAt<T, kWidth>(params, row, col),
                  residual + col, inv_rms, share);
  }
}

// d_weight's terms, of rows too long for a block of many rows.
template <typename T>
struct WeightTerms {
  Matrix<T> d_out, sum;
  const float* inv_rms;

  template <int kWidth>
  __device__ void At(int64_t row, int64_t col, float (&terms)[kWidth]) const {
    float x[kWidth];
    LoadFloats<kWidth>(d_out.row(row) + col, terms);
    LoadFloats<kWidth>(sum.row(row) + col, x);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) terms[i] *= x[i] * inv_rms[row];
  }
};

// What each block has for d_weight.
struct PartialTerms {
  const float* partials;
  int64_t cols;

  template <int kWidth>
  __device__ void At(int64_t row, int64_t col, float (&terms)[kWidth]) const {
    LoadFloats<kWidth>(partials + row * cols + col, terms);
  }
};

constexpr int kManyRowsThreads = 512;
// A bound that leaves a thread 96 registers: the blocks of all partial sums are
// then on the GPU at once.
constexpr int kThreadsOfAnSm = 640;
constexpr int kSlots = 2;

// Where a row's operands are in shared memory.
template <typename T, int kWidth>
struct Slot {
  Vector<T, kWidth>*d_out, *sum, *d_residual;

  __device__ BackwardInput<T, kWidth> At(int col) const {
    return {d_out[col / kWidth], sum[col / kWidth]};
  }
};

template <typename T, int kWidth>
__device__ Slot<T, kWidth> SlotOf(const BackwardParams<T>& params,
                                  unsigned char* shared, int number) {
  const int vectors = params.cols / kWidth;
  auto* first = reinterpret_cast<Vector<T, kWidth>*>(shared) +
                number * params.operands() * vectors;
  return {first, first + vectors, first + 2 * vectors};
}

template <typename T, int kWidth>
__device__ void FetchOperands(const BackwardParams<T>& params, int64_t row,
                              int64_t rows, const Slot<T, kWidth>& slot) {
  if (row < rows) {
    FetchRow(slot.d_out, params.d_out.row(row), params.cols);
    FetchRow(slot.sum, params.sum.row(row), params.cols);
    if (params.has_residual) {
      FetchRow(slot.d_residual, params.d_residual.row(row), params.cols);
    }
  }
  EndFetches();
}

// Every gridDim.x-th row of the first `rows`; partials[blockIdx.x] is the sum
// of what they have for d_weight. A thread has kKept vectors of each row.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreadsOfAnSm)
    ManyRowsKernel(const BackwardParams<T> params, int64_t rows,
                   float* partials) {
  extern __shared__ __align__(16) unsigned char shared[];
  __shared__ float warps[kSlots][kMaxWarps];
  const auto slot = [&](int number) {
    return SlotOf<T, kWidth>(params, shared, number);
  };
  const int step = blockDim.x * kWidth;
  const int begin = threadIdx.x * kWidth;
  float d_weight[kKept][kWidth] = {};
#if __CUDA_ARCH__ >= 900
  cudaTriggerProgrammaticLaunchCompletion();  // The sums of partials wait.
#endif
#pragma unroll
  for (int number = 0; number < kSlots; ++number) {
    FetchOperands(params, blockIdx.x + int64_t{number} * gridDim.x, rows,
                  slot(number));
  }
  float next_inv_rms = params.inv_rms[blockIdx.x];
  int number = 0;
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const float inv_rms = next_inv_rms;
    if (row + gridDim.x < rows) next_inv_rms = params.inv_rms[row + gridDim.x];
    WaitForFetches<kSlots - 1>();
    BackwardInput<T, kWidth> kept[kKept];
    float dot = 0;
#pragma unroll
    for (int k = 0; k < kKept; ++k) {
      const int col = begin + k * step;
      if (col >= params.cols) continue;
      kept[k] = slot(number).At(col);
      dot += DotOf(params, col, kept[k]);
    }
    const float total = BlockReduce(
        dot, 0.0f, [](float a, float b) { return a + b; }, warps[number]);
    const float share =
        total * inv_rms * inv_rms / static_cast<float>(params.cols);
#pragma unroll
    for (int k = 0; k < kKept; ++k) {
      const int col = begin + k * step;
      if (col >= params.cols) continue;
      const auto* residual =
          reinterpret_cast<const T*>(slot(number).d_residual + col / kWidth);
      StoreGradient(params, row, col, kept[k], residual, inv_rms, share);
      AddWeightTerms(kept[k], inv_rms, d_weight[k]);
    }
    FetchOperands(params, row + int64_t{kSlots} * gridDim.x, rows,
                  slot(number));
    number = (number + 1) % kSlots;
  }
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col >= params.cols) continue;
    StoreFloats<kWidth>(partials + int64_t{blockIdx.x} * params.cols + col,
                        d_weight[k]);
  }
}

template <typename T, int kWidth>
BackwardParams<T> BackwardParamsOf(const RmsNormBackwardArgs& args) {
  return {.d_in = Matrix<T>(args.d_in_TD),
          .d_out = Matrix<T>(args.d_out_TD),
          .sum = Matrix<T>(args.sum_TD),
          .d_residual = Matrix<T>(args.d_residual_TD),
          .weight = static_cast<const T*>(args.weight_D.data),
          .inv_rms = args.inv_rms_T,
          .has_residual = args.d_residual_TD.defined(),
          .cols = static_cast<int>(args.sum_TD.cols)};
}

template <typename T, int kWidth>
void LaunchRows(const RmsNormBackwardArgs& args, cudaStream_t stream) {
  const int threads = ThreadsFor(args.sum_TD.cols / kWidth, kKept);
  BackwardKernel<T, kWidth><<<args.sum_TD.rows, threads, 0, stream>>>(
      BackwardParamsOf<T, kWidth>(args));
}

// Leaves an error to cudaGetLastError().
template <typename T, int kWidth>
void LaunchManyRows(const RmsNormBackwardArgs& args, const Gpu& gpu,
                    cudaStream_t stream) {
  const int64_t rows = args.sum_TD.rows, cols = args.sum_TD.cols;
  const auto kernel = &ManyRowsKernel<T, kWidth>;
  const BackwardParams<T> params = BackwardParamsOf<T, kWidth>(args);
  const int64_t bytes = params.slot_bytes() * kSlots;
  const int64_t blocks = RmsNormBackwardPartials(rows, cols);
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                       static_cast<int>(bytes));
  kernel<<<blocks, ThreadsFor(cols / kWidth, kKept), bytes, stream>>>(
      params, rows, args.scratch);
  const auto add = IsAligned(args.scratch) && cols % 4 == 0
                       ? &AddColumnSums<4, PartialTerms>
                       : &AddColumnSums<1, PartialTerms>;
  add(args.d_weight_D, blocks, cols, {args.scratch, cols}, gpu.has_clusters,
      stream, /*follows=*/true);
}

template <typename T, int kWidth>
void LaunchTrained(const RmsNormBackwardArgs& args, const Gpu& gpu,
                   cudaStream_t stream) {
  const int64_t cols = args.sum_TD.cols;
  const bool fits = cols <= int64_t{kManyRowsThreads} * kKept * kWidth &&
                    BackwardParamsOf<T, kWidth>(args).slot_bytes() * kSlots <=
                        gpu.shared_bytes;
  if (fits) return LaunchManyRows<T, kWidth>(args, gpu, stream);
  // The weight first, as d_in may be d_out.
  AddColumnSums<kWidth>(args.d_weight_D, args.sum_TD.rows, cols,
                        WeightTerms<T>{Matrix<T>(args.d_out_TD),
                                       Matrix<T>(args.sum_TD), args.inv_rms_T},
                        gpu.has_clusters, stream);
  LaunchRows<T, kWidth>(args, stream);
}

}  // namespace
}  // namespace cuda

absl::Status RmsNormForwardCuda(const RmsNormForwardArgs& args, Stream stream) {
  const int64_t rows = args.in_TD.rows, cols = args.in_TD.cols;
  if (rows == 0 || cols == 0) return absl::OkStatus();
  const bool adds = args.delta_TD.defined();
  const TensorView sum = adds ? args.sum_TD : TensorView{};
  return cuda::LaunchOn(
      "rms_norm", {args.in_TD, args.out_TD, sum, args.delta_TD, args.weight_D},
      [&]<typename T, int kWidth>() {
        const cuda::ForwardParams<T> params = {
            .out = cuda::Matrix<T>(args.out_TD),
            .sum = cuda::Matrix<T>(sum),
            .in = cuda::Matrix<T>(args.in_TD),
            .delta = cuda::Matrix<T>(args.delta_TD),
            .weight = static_cast<const T*>(args.weight_D.data),
            .inv_rms = args.inv_rms_T,
            .adds = adds,
            .cols = static_cast<int>(cols),
            .epsilon = static_cast<float>(args.epsilon)};
        const int threads = cuda::ThreadsFor(cols / kWidth, cuda::kKept);
        cuda::ForwardKernel<T, kWidth>
            <<<rows, threads, 0, cuda::Handle(stream)>>>(params);
      });
}

absl::Status RmsNormBackwardCuda(const RmsNormBackwardArgs& args,
                                 Stream stream) {
  const int64_t rows = args.sum_TD.rows, cols = args.sum_TD.cols;
  if (rows == 0 || cols == 0) return absl::OkStatus();
  const bool trains = args.d_weight_D != nullptr;
  if (trains) {
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckArray(
        "rms_norm scratch", args.scratch, RmsNormBackwardScratch(rows, cols)));
  }
  const absl::StatusOr<cuda::Gpu> gpu = cuda::CurrentGpu("rms_norm");
  if (!gpu.ok()) return gpu.status();
  return cuda::LaunchOn(
      "rms_norm",
      {args.sum_TD, args.d_in_TD, args.d_out_TD, args.weight_D,
       args.d_residual_TD},
      [&]<typename T, int kWidth>() {
        if (trains) {
          cuda::LaunchTrained<T, kWidth>(args, *gpu, cuda::Handle(stream));
        } else {
          cuda::LaunchRows<T, kWidth>(args, cuda::Handle(stream));
        }
      });
}

}  // namespace lockstep
