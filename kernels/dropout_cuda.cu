// A thread takes two vectors, both of which are on their way while it draws the
// words of their groups of four columns.

#include <cmath>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/dropout.h"
#include "kernels/philox.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kPerThread = 2;  // Vectors.

struct Draw {
  uint64_t seed;
  uint64_t offset;
  uint64_t threshold;  // Of a word that is kept.
  float scale;
};

// Of a vector that begins in column `col` of a row whose groups of columns are
// `groups`.
template <int kWidth>
__device__ void Drop(const Draw& draw, int64_t row, int64_t groups, int col,
                     float (&values)[kWidth]) {
#pragma unroll
  for (int i = 0; i < kWidth; i += 4) {
    const auto words =
        Philox4x32(row * groups + (col + i) / 4, draw.offset, draw.seed);
#pragma unroll
    for (int k = 0; k < (kWidth < 4 ? kWidth : 4); ++k) {
      // A thread of single elements is anywhere within its group.
      const uint32_t word = kWidth < 4 ? words[col % 4] : words[k];
      float& value = values[i + k];
      value = word >= draw.threshold ? value * draw.scale : 0.0f;
    }
  }
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    DropoutKernel(const Matrix<T> out, const Matrix<T> in, const Draw draw,
                  int cols) {
  const int64_t row = blockIdx.x;
  const int64_t groups = (cols + 3) / 4;
  const int step = blockDim.x * kWidth;
  const int begin = blockIdx.y * kPerThread * step + threadIdx.x * kWidth;
  Vector<T, kWidth> vectors[kPerThread];
#pragma unroll
  for (int k = 0; k < kPerThread; ++k) {
    const int col = begin + k * step;
    if (col < cols) vectors[k] = Load<kWidth>(in.row(row) + col);
  }
#pragma unroll
  for (int k = 0; k < kPerThread; ++k) {
    const int col = begin + k * step;
    if (col >= cols) return;
    float values[kWidth];
    Unpack(vectors[k], values);
    Drop(draw, row, groups, col, values);
    StoreFloats<kWidth>(out.row(row) + col, values);
  }
}

}  // namespace
}  // namespace cuda

absl::Status DropoutCuda(TensorView out_TK, TensorView in_TK,
                         const DropoutMask& mask, Stream stream) {
  const int64_t rows = in_TK.rows, cols = in_TK.cols;
  if (rows == 0 || cols == 0) return absl::OkStatus();
  const cuda::Draw draw = {
      .seed = mask.seed,
      .offset = mask.offset,
      .threshold = static_cast<uint64_t>(std::ceil(mask.p * 0x1p32)),
      .scale = static_cast<float>(1 / (1 - mask.p))};
  return cuda::LaunchOn(
      "dropout", {out_TK, in_TK}, [&]<typename T, int kWidth>() {
        const int threads =
            cuda::ThreadsFor(cols / kWidth, cuda::kPerThread, cuda::kThreads);
        const dim3 blocks(
            rows, cuda::CeilDivide(cols, threads * cuda::kPerThread * kWidth));
        cuda::DropoutKernel<T, kWidth>
            <<<blocks, threads, 0, cuda::Handle(stream)>>>(
                cuda::Matrix<T>(out_TK), cuda::Matrix<T>(in_TK), draw,
                static_cast<int>(cols));
      });
}

}  // namespace lockstep
