// A thread takes one vector, and draws the words of its groups of four columns.

#include <cmath>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/dropout.h"
#include "kernels/philox.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kThreads = 256;

struct Draw {
  uint64_t seed;
  uint64_t offset;
  uint64_t threshold;  // Of a word that is kept.
  float scale;
};

template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    DropoutKernel(const Matrix<T> out, const Matrix<T> in, const Draw draw,
                  int cols) {
  const int64_t row = blockIdx.x;
  const int64_t groups = (cols + 3) / 4;
  const int col = (blockIdx.y * blockDim.x + threadIdx.x) * kWidth;
  if (col >= cols) return;
  float values[kWidth];
  LoadFloats<kWidth>(in.row(row) + col, values);
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
  StoreFloats<kWidth>(out.row(row) + col, values);
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
        const int threads = cuda::ThreadsFor(cols / kWidth, 1, cuda::kThreads);
        const dim3 blocks(rows, cuda::CeilDivide(cols, threads * kWidth));
        cuda::DropoutKernel<T, kWidth>
            <<<blocks, threads, 0, cuda::Handle(stream)>>>(
                cuda::Matrix<T>(out_TK), cuda::Matrix<T>(in_TK), draw,
                static_cast<int>(cols));
      });
}

}  // namespace lockstep
