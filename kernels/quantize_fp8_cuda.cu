// A block takes one row, kept in registers between the search for the largest
// and the division; what does not fit there is read again. All of a thread's
// reads are under way before the first is looked at, and blocks are small
// enough that one of a multiprocessor reads while another one writes.

#include <cuda_fp8.h>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/fp8.cuh"
#include "kernels/cuda/reduce.cuh"
#include "kernels/fp8.h"
#include "kernels/quantize_fp8.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kMostThreads = 512;

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
};

template <int kWidth>
__device__ float LargestOf(const Vector<float, kWidth>& vector) {
  float most = 0;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    most = LargerMagnitude(most, vector.values[i]);
  }
  return most;
}

template <int kWidth>
__device__ float LargestOf(const Vector<__nv_bfloat16, kWidth>& vector) {
  if constexpr (kWidth == 1) {
    return LargerMagnitude(0, __bfloat162float(vector.values[0]));
  } else {  // Two are compared by one machine instruction.
    const auto* pairs = reinterpret_cast<const __nv_bfloat162*>(vector.values);
    __nv_bfloat162 most = __habs2(pairs[0]);
#pragma unroll
    for (int i = 1; i < kWidth / 2; ++i) {
      most = __hmax2_nan(most, __habs2(pairs[i]));
    }
    return LargerMagnitude(__low2float(most), __high2float(most));
  }
}

// The vector that begins in column `col`, which is of the tail or is not.
template <int kWidth, typename T>
__device__ void WriteVector(const Params<T>& params, uint8_t* out, int col,
                            const Vector<T, kWidth>& vector, float factor,
                            float inverse) {
  float x[kWidth];
  Unpack(vector, x);
  if (col < params.cols) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) x[i] *= inverse;
    StoreE4m3(out + col, x);
    return;
  }
  float third[kWidth], rest[kWidth];
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {  // Without a fused multiply and subtract.
    const float value = __fmul_rn(__fmul_rn(x[i], factor), inverse);
    x[i] = RoundedToE4m3(value);
    third[i] = x[i] / kFp8RestFactor;
    rest[i] = __fsub_rn(value, x[i]);
  }
  StoreE4m3(out + col, x);
  StoreE4m3(out + col + params.tail, third);
  StoreE4m3(out + col + 2 * params.tail, rest);
}

template <typename T, int kWidth, int kKept>
__global__ void __launch_bounds__(kMostThreads, kKept <= 4 ? 3 : 2)
    QuantizeKernel(const Params<T> params) {
  const int64_t row = blockIdx.x;
  const T* in = params.in.row(row);
  uint8_t* out = params.out + row * params.out_stride;
  const int all = params.cols + params.tail;
  const int step = blockDim.x * kWidth;
  const int begin = threadIdx.x * kWidth;
  const int rest = begin + kKept * step;
  const float factor = params.tail > 0 ? *params.tail_factor : 1.0f;
  Vector<T, kWidth> kept[kKept] = {};
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col < all) kept[k] = Load<kWidth>(in + col);
  }
  float most = params.least;
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const bool is_tail = begin + k * step >= params.cols;
    most =
        LargerMagnitude(most, LargestOf(kept[k]) * (is_tail ? factor : 1.0f));
  }
  for (int col = rest; col < all; col += step) {
    most = LargerMagnitude(most, LargestOf(Load<kWidth>(in + col)) *
                                     (col < params.cols ? 1.0f : factor));
  }
  most = BlockReduce(most, 0.0f,
                     [](float a, float b) { return LargerMagnitude(a, b); });
  const Fp8Scale scale = Fp8ScaleOf(most);
  if (threadIdx.x == 0) params.scale[row] = scale.scale;
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col < all) {
      WriteVector(params, out, col, kept[k], factor, scale.inverse);
    }
  }
  for (int col = rest; col < all; col += step) {
    WriteVector(params, out, col, Load<kWidth>(in + col), factor,
                scale.inverse);
  }
}

template <typename T, int kWidth, int kKept>
void Launch(const Params<T>& params, int64_t rows, Stream stream) {
  const int threads =
      ThreadsFor((params.cols + params.tail) / kWidth, kKept, kMostThreads);
  QuantizeKernel<T, kWidth, kKept>
      <<<rows, threads, 0, Handle(stream)>>>(params);
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
  cuda::WithDType(args.in.dtype, cuda::AreVectorsAligned(args),
                  [&]<typename T, int kWidth>() {
                    // Vectors that a thread keeps.
                    constexpr int kFew = 4, kMany = 8;
                    const cuda::Params<T> params = {
                        .in = cuda::Matrix<T>(args.in),
                        .out = args.out,
                        .out_stride = args.out_stride,
                        .scale = args.scale_T,
                        .tail_factor = args.tail_factor,
                        .least = args.least,
                        .cols = static_cast<int>(args.in.cols - args.tail),
                        .tail = static_cast<int>(args.tail)};
                    if (args.in.cols <= kFew * kWidth * cuda::kMostThreads) {
                      cuda::Launch<T, kWidth, kFew>(params, rows, stream);
                    } else {
                      cuda::Launch<T, kWidth, kMany>(params, rows, stream);
                    }
                  });
  return CudaStatus("quantize_fp8", cudaGetLastError());
}

}  // namespace lockstep
