// Many segments in one launch. Compiled without fused multiply-add and with
// IEEE division and root (CMakeLists.txt): bit by bit what the CPU computes.

#include <algorithm>
#include <cmath>

#include "kernels/adamw.h"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWidth = 4;
constexpr int kPerThread = 2;  // Vectors.
constexpr int64_t kTile = kThreads * kWidth * kPerThread;
constexpr int kMaxSegments = 64;  // Of one launch.

// Segments, cut into tiles of kTile elements. The first tile of each starts
// where a vector does, at or before the segment's begin.
struct Batch {
  int count = 0;
  int64_t begin[kMaxSegments];
  int64_t end[kMaxSegments];
  float kept[kMaxSegments];  // Of a value, by weight decay.
  int64_t first_tile[kMaxSegments];
  int64_t tiles = 0;
};

struct Params {
  float* values;
  float* exp_avg;
  float* exp_avg_sq;
  const float* gradients;
  float step_size, root_correction, scale, share1, beta2, share2, epsilon;
};

template <int kWidth>
struct Elements {
  float value[kWidth], m[kWidth], v[kWidth], gradient[kWidth];
};

template <int kWidth>
__device__ void LoadAt(const Params& params, int64_t i,
                       Elements<kWidth>& elements) {
  LoadFloats<kWidth>(params.values + i, elements.value);
  LoadFloats<kWidth>(params.exp_avg + i, elements.m);
  LoadFloats<kWidth>(params.exp_avg_sq + i, elements.v);
  LoadFloats<kWidth>(params.gradients + i, elements.gradient);
}

template <int kWidth>
__device__ void StepAt(const Params& params, int64_t i, float kept,
                       Elements<kWidth>& elements) {
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    const float g = elements.gradient[k] * params.scale;
    const float m = elements.m[k] + params.share1 * (g - elements.m[k]);
    const float v = params.beta2 * elements.v[k] + params.share2 * g * g;
    const float root = sqrtf(v) / params.root_correction + params.epsilon;
    elements.m[k] = m;
    elements.v[k] = v;
    elements.value[k] =
        elements.value[k] * kept - params.step_size * (m / root);
  }
  StoreFloats<kWidth>(params.exp_avg + i, elements.m);
  StoreFloats<kWidth>(params.exp_avg_sq + i, elements.v);
  StoreFloats<kWidth>(params.values + i, elements.value);
}

__device__ int SegmentOf(const Batch& batch, int64_t tile) {
  int segment = 0;
  while (segment + 1 < batch.count && batch.first_tile[segment + 1] <= tile) {
    ++segment;
  }
  return segment;
}

template <bool kAligned>
__global__ void __launch_bounds__(kThreads)
    StepKernel(const Params params, const __grid_constant__ Batch batch) {
  const int segment = SegmentOf(batch, blockIdx.x);
  const int64_t begin = batch.begin[segment], end = batch.end[segment];
  const float kept = batch.kept[segment];
  const int64_t tile = blockIdx.x - batch.first_tile[segment];
  const int64_t first =
      begin / kWidth * kWidth + tile * kTile + threadIdx.x * kWidth;
  Elements<kWidth> elements[kPerThread];
  const auto is_whole = [&](int64_t i) {
    return kAligned && i >= begin && i + kWidth <= end;
  };
#pragma unroll
  for (int n = 0; n < kPerThread; ++n) {
    const int64_t i = first + n * kThreads * kWidth;
    if (is_whole(i)) LoadAt(params, i, elements[n]);
  }
#pragma unroll
  for (int n = 0; n < kPerThread; ++n) {
    const int64_t i = first + n * kThreads * kWidth;
    if (is_whole(i)) {
      StepAt(params, i, kept, elements[n]);
      continue;
    }
    for (int64_t k = max(i, begin); k < min(i + kWidth, end); ++k) {
      Elements<1> element;
      LoadAt(params, k, element);
      StepAt(params, k, kept, element);
    }
  }
}

Params ParamsOf(const AdamWArgs& args) {
  const auto t = static_cast<double>(args.step);
  return {.values = args.values,
          .exp_avg = args.exp_avg,
          .exp_avg_sq = args.exp_avg_sq,
          .gradients = args.gradients,
          .step_size = static_cast<float>(args.learning_rate /
                                          (1 - std::pow(args.beta1, t))),
          .root_correction =
              static_cast<float>(std::sqrt(1 - std::pow(args.beta2, t))),
          .scale = static_cast<float>(args.gradient_scale),
          .share1 = static_cast<float>(1 - args.beta1),
          .beta2 = static_cast<float>(args.beta2),
          .share2 = static_cast<float>(1 - args.beta2),
          .epsilon = static_cast<float>(args.epsilon)};
}

Batch BatchOf(absl::Span<const AdamWSegment> segments, double learning_rate) {
  Batch batch;
  for (const AdamWSegment& segment : segments) {
    if (segment.begin == segment.end) continue;
    const int n = batch.count++;
    batch.begin[n] = segment.begin;
    batch.end[n] = segment.end;
    batch.kept[n] =
        static_cast<float>(1 - learning_rate * segment.weight_decay);
    batch.first_tile[n] = batch.tiles;
    batch.tiles +=
        CeilDivide(segment.end - segment.begin / kWidth * kWidth, kTile);
  }
  return batch;
}

}  // namespace
}  // namespace cuda

absl::Status AdamWStepCuda(const AdamWArgs& args, Stream stream) {
  const cuda::Params params = cuda::ParamsOf(args);
  const bool aligned =
      cuda::IsAligned(args.values) && cuda::IsAligned(args.exp_avg) &&
      cuda::IsAligned(args.exp_avg_sq) && cuda::IsAligned(args.gradients);
  const auto step =
      aligned ? &cuda::StepKernel<true> : &cuda::StepKernel<false>;
  for (size_t i = 0; i < args.segments.size(); i += cuda::kMaxSegments) {
    const cuda::Batch batch = cuda::BatchOf(
        args.segments.subspan(i, cuda::kMaxSegments), args.learning_rate);
    if (batch.count == 0) continue;
    step<<<batch.tiles, cuda::kThreads, 0, cuda::Handle(stream)>>>(params,
                                                                   batch);
  }
  return CudaStatus("adamw", cudaGetLastError());
}

}  // namespace lockstep
