// A block takes one row, kept in registers between its two passes; what does
// not fit there is read again. The gradient of the weight is a sum over columns
// in a launch of its own.

#include "kernels/cuda/column_sum.cuh"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
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

// `share` is sum_D(g * sum) * inv_rms^2 / D.
template <typename T, int kWidth>
__device__ void StoreGradient(const BackwardParams<T>& params, int64_t row,
                              int col, const BackwardInput<T, kWidth>& input,
                              float inv_rms, float share) {
  float d_out[kWidth], sum[kWidth], weight[kWidth], residual[kWidth] = {};
  Unpack(input.d_out, d_out);
  Unpack(input.sum, sum);
  LoadFloats<kWidth>(params.weight + col, weight);
  if (params.has_residual) {
    LoadFloats<kWidth>(params.d_residual.row(row) + col, residual);
  }
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    d_out[i] = inv_rms * (d_out[i] * weight[i] - sum[i] * share) + residual[i];
  }
  StoreFloats<kWidth>(params.d_in.row(row) + col, d_out);
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
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col < params.cols) {
      StoreGradient(params, row, col, kept[k], inv_rms, share);
    }
  }
  for (int col = rest; col < params.cols; col += step) {
    StoreGradient(params, row, col, InputAt<T, kWidth>(params, row, col),
                  inv_rms, share);
  }
}

// d_weight's terms.
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
  return cuda::LaunchOn(
      "rms_norm",
      {args.sum_TD, args.d_in_TD, args.d_out_TD, args.weight_D,
       args.d_residual_TD},
      [&]<typename T, int kWidth>() {
        if (args.d_weight_D != nullptr) {  // First, as d_in may be d_out.
          cuda::AddColumnSums<kWidth>(
              args.d_weight_D, rows, cols,
              cuda::WeightTerms<T>{cuda::Matrix<T>(args.d_out_TD),
                                   cuda::Matrix<T>(args.sum_TD),
                                   args.inv_rms_T},
              cuda::Handle(stream));
        }
        const cuda::BackwardParams<T> params = {
            .d_in = cuda::Matrix<T>(args.d_in_TD),
            .d_out = cuda::Matrix<T>(args.d_out_TD),
            .sum = cuda::Matrix<T>(args.sum_TD),
            .d_residual = cuda::Matrix<T>(args.d_residual_TD),
            .weight = static_cast<const T*>(args.weight_D.data),
            .inv_rms = args.inv_rms_T,
            .has_residual = args.d_residual_TD.defined(),
            .cols = static_cast<int>(cols)};
        const int threads = cuda::ThreadsFor(cols / kWidth, cuda::kKept);
        cuda::BackwardKernel<T, kWidth>
            <<<rows, threads, 0, cuda::Handle(stream)>>>(params);
      });
}

}  // namespace lockstep
