// A block takes one row, kept in registers between the search for the largest
// and the division; what does not fit there is read again.

#include <cuda_fp8.h>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/reduce.cuh"
#include "kernels/fp8.h"
#include "kernels/quantize_fp8.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kKept = 4;  // Vectors of a row that a thread keeps.

template <typename T>
struct Params {
  Matrix<T> in;
  uint8_t* out;
  float* scale;
  int cols;
};

template <typename T, int kWidth>
__device__ float LargestOf(const Vector<T, kWidth>& vector, float most) {
  float x[kWidth];
  Unpack(vector, x);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) most = LargerMagnitude(most, x[i]);
  return most;
}

template <typename T, int kWidth>
__device__ void StoreQuantized(uint8_t* out, const Vector<T, kWidth>& vector,
                               float inverse) {
  float x[kWidth];
  Unpack(vector, x);
  Vector<uint8_t, kWidth> bytes;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    bytes.values[i] =
        __nv_cvt_float_to_fp8(x[i] * inverse, __NV_SATFINITE, __NV_E4M3);
  }
  Store(out, bytes);
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(1024) QuantizeKernel(const Params<T> params) {
  const int64_t row = blockIdx.x;
  const T* in = params.in.row(row);
  uint8_t* out = params.out + row * params.cols;
  const int step = blockDim.x * kWidth;
  const int begin = threadIdx.x * kWidth;
  const int rest = begin + kKept * step;
  Vector<T, kWidth> kept[kKept];
  float most = 0;
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col >= params.cols) continue;
    kept[k] = Load<kWidth>(in + col);
    most = LargestOf(kept[k], most);
  }
  for (int col = rest; col < params.cols; col += step) {
    most = LargestOf(Load<kWidth>(in + col), most);
  }
  most = BlockReduce(most, 0.0f,
                     [](float a, float b) { return LargerMagnitude(a, b); });
  const Fp8Scale scale = Fp8ScaleOf(most);
  if (threadIdx.x == 0) params.scale[row] = scale.scale;
#pragma unroll
  for (int k = 0; k < kKept; ++k) {
    const int col = begin + k * step;
    if (col < params.cols) StoreQuantized(out + col, kept[k], scale.inverse);
  }
  for (int col = rest; col < params.cols; col += step) {
    StoreQuantized(out + col, Load<kWidth>(in + col), scale.inverse);
  }
}

}  // namespace
}  // namespace cuda

absl::Status QuantizeFp8Cuda(const QuantizeFp8Args& args, Stream stream) {
  const int64_t rows = args.in_TK.rows, cols = args.in_TK.cols;
  if (rows == 0 || cols == 0) return absl::OkStatus();
  return cuda::LaunchOn(
      "quantize_fp8", {args.in_TK}, [&]<typename T, int kWidth>() {
        const int threads = cuda::ThreadsFor(cols / kWidth, cuda::kKept);
        cuda::QuantizeKernel<T, kWidth>
            <<<rows, threads, 0, cuda::Handle(stream)>>>(
                {cuda::Matrix<T>(args.in_TK), args.out_TK, args.scale_T,
                 static_cast<int>(cols)});
      });
}

}  // namespace lockstep
