// A thread takes two vectors, both of which are on their way while it draws the
// words of their groups of four columns. Drawing takes as long as the memory,
// so what of Philox (kernels/philox.h) is the same for all groups is worked out
// before the launch: the keys of its rounds, and half of the first round.

#include <cmath>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/dropout.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kPerThread = 2;  // Vectors.

constexpr int kRounds = 10;
constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;

struct Draw {
  explicit Draw(const DropoutMask& mask) {
    for (uint32_t round = 0; round < kRounds; ++round) {
      keys0[round] = static_cast<uint32_t>(mask.seed) + round * 0x9E3779B9;
      keys1[round] =
          static_cast<uint32_t>(mask.seed >> 32) + round * 0xBB67AE85;
    }
    const uint64_t product = kMultiplier1 * static_cast<uint32_t>(mask.offset);
    keys0[0] ^= static_cast<uint32_t>(product >> 32);
    keys1[0] ^= static_cast<uint32_t>(mask.offset >> 32);
    first = static_cast<uint32_t>(product);
    const auto least = static_cast<uint64_t>(std::ceil(mask.p * 0x1p32));
    threshold = static_cast<uint32_t>(least);
    keeps = least >> 32 == 0;
    scale = static_cast<float>(1 / (1 - mask.p));
  }

  // Philox4x32(counter, offset, seed).
  __device__ void Words(uint64_t counter, uint32_t (&words)[4]) const {
    uint64_t product0 = kMultiplier0 * static_cast<uint32_t>(counter);
    words[0] = static_cast<uint32_t>(counter >> 32) ^ keys0[0];
    words[1] = first;
    words[2] = static_cast<uint32_t>(product0 >> 32) ^ keys1[0];
    words[3] = static_cast<uint32_t>(product0);
#pragma unroll
    for (int round = 1; round < kRounds; ++round) {
      product0 = kMultiplier0 * words[0];
      const uint64_t product1 = kMultiplier1 * words[2];
      words[0] =
          static_cast<uint32_t>(product1 >> 32) ^ words[1] ^ keys0[round];
      words[1] = static_cast<uint32_t>(product1);
      words[2] =
          static_cast<uint32_t>(product0 >> 32) ^ words[3] ^ keys1[round];
      words[3] = static_cast<uint32_t>(product0);
    }
  }

  uint32_t keys0[kRounds], keys1[kRounds];
  uint32_t first;
  uint32_t threshold;  // Of a word that is kept,
  bool keeps;          // if any is.
  float scale;
};

// Of a vector that begins in column `col` of a row whose groups of columns are
// `groups`.
template <int kWidth>
__device__ void Drop(const Draw& draw, int64_t row, int64_t groups, int col,
                     float (&values)[kWidth]) {
#pragma unroll
  for (int i = 0; i < kWidth; i += 4) {
    uint32_t words[4];
    draw.Words(row * groups + (col + i) / 4, words);
#pragma unroll
    for (int k = 0; k < (kWidth < 4 ? kWidth : 4); ++k) {
      // A thread of single elements is anywhere within its group.
      const uint32_t word = kWidth < 4 ? words[col % 4] : words[k];
      float& value = values[i + k];
      value = draw.keeps && word >= draw.threshold ? value * draw.scale : 0.0f;
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
  const cuda::Draw draw(mask);
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
