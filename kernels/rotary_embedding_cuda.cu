// A block takes one token: its threads share the heads' pairs of halves.

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/rotary_embedding.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kMaxThreads = 512;

template <typename T, int kWidth>
__global__ void __launch_bounds__(kMaxThreads)
    RotateKernel(const Matrix<T> qkv, const int32_t* positions,
                 const float* cos_PD, const float* sin_PD, float direction,
                 int heads, int half) {
  const int64_t token = blockIdx.x;
  const int64_t position = positions[token];
  const int per_head = half / kWidth;
  T* row = qkv.row(token);
  for (int i = threadIdx.x; i < heads * per_head; i += blockDim.x) {
    const int head = i / per_head, col = i % per_head * kWidth;
    T* first = row + int64_t{head} * 2 * half + col;
    T* second = first + half;
    float x1[kWidth], x2[kWidth], cosine[kWidth], sine[kWidth];
    LoadFloats<kWidth>(first, x1);
    LoadFloats<kWidth>(second, x2);
    LoadFloats<kWidth>(cos_PD + position * half + col, cosine);
    LoadFloats<kWidth>(sin_PD + position * half + col, sine);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const float s = sine[k] * direction;
      const float turned = x1[k] * cosine[k] - x2[k] * s;
      x2[k] = x2[k] * cosine[k] + x1[k] * s;
      x1[k] = turned;
    }
    StoreFloats<kWidth>(first, x1);
    StoreFloats<kWidth>(second, x2);
  }
}

absl::Status Rotate(const RotaryEmbeddingArgs& args, float direction,
                    Stream stream) {
  const int64_t rows = args.qkv_TN.rows;
  if (rows == 0) return absl::OkStatus();
  const int64_t heads = args.layout.query_heads + args.layout.kv_heads;
  const int64_t half = args.layout.head_dim / 2;
  // What must be aligned is each half of a head, and the tables.
  TensorView halves = args.qkv_TN;
  halves.cols = half;
  const bool aligned = IsAligned(halves) && half % 8 == 0 &&
                       IsAligned(args.cos_PD) && IsAligned(args.sin_PD);
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckViews("rotary_embedding", args.qkv_TN.dtype, {args.qkv_TN}));
  WithDType(args.qkv_TN.dtype, aligned, [&]<typename T, int kWidth>() {
    const int threads = ThreadsFor(heads * half / kWidth, 1, kMaxThreads);
    RotateKernel<T, kWidth><<<rows, threads, 0, Handle(stream)>>>(
        Matrix<T>(args.qkv_TN), args.positions_T, args.cos_PD, args.sin_PD,
        direction, static_cast<int>(heads), static_cast<int>(half));
  });
  return CudaStatus("rotary_embedding", cudaGetLastError());
}

}  // namespace
}  // namespace cuda

absl::Status RotaryEmbeddingForwardCuda(const RotaryEmbeddingArgs& args,
                                        Stream stream) {
  return cuda::Rotate(args, 1.0f, stream);
}

absl::Status RotaryEmbeddingBackwardCuda(const RotaryEmbeddingArgs& args,
                                         Stream stream) {
  return cuda::Rotate(args, -1.0f, stream);
}

}  // namespace lockstep
