#include "kernels/rotary_embedding.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_width.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

using simd::Float;

struct Rotation {
  const RotaryEmbeddingArgs& args;
  float direction;  // 1 rotates forward, -1 back.
};

// x[i ^ kHalf] for each i: the halves of each head change places.
template <int kHalf, typename Vector, int... I>
LOCKSTEP_INLINE Vector SwapHalves(Vector x, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(x, x, (I ^ kHalf)...);
}

// x[i % kHalf] for each i: the angles of one half serve all.
template <int kHalf, typename Vector, int... I>
LOCKSTEP_INLINE Vector RepeatHalf(Vector x, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(x, x, (I % kHalf)...);
}

// Heads of D values, some in each vector of N:
// out = heads * cos + heads with their halves swapped * sin, where sin is
// negative in the first half of each.
template <int N, int D>
LOCKSTEP_INLINE void RotateSmallHeads(const Rotation& rotation) {
  const RotaryEmbeddingArgs& args = rotation.args;
  constexpr int kHalf = D / 2;
  const int64_t cols =
      (args.layout.query_heads + args.layout.kv_heads) * int64_t{D};
  constexpr std::make_integer_sequence<int, N> kLanes{};
  Float<N> signs;
  for (int i = 0; i < N; ++i) {
    signs[i] = i % D < kHalf ? -rotation.direction : rotation.direction;
  }
  for (int64_t t = 0; t < args.qkv_TN.rows; ++t) {
    const int64_t place = int64_t{args.positions_T[t]} * kHalf;
    const Float<N> cos = RepeatHalf<kHalf>(
        simd::LoadUpTo<N>(args.cos_PD + place, kHalf), kLanes);
    const Float<N> sin =
        signs * RepeatHalf<kHalf>(simd::LoadUpTo<N>(args.sin_PD + place, kHalf),
                                  kLanes);
    float* heads = args.qkv_TN.FloatRow(t);
    for (int64_t i = 0; i < cols; i += N) {
      const auto x = simd::LoadUpTo<N>(heads + i, cols - i);
      simd::StoreUpTo<N>(
          heads + i, x * cos + SwapHalves<kHalf>(x, kLanes) * sin, cols - i);
    }
  }
}

LOCKSTEP_INLINE void RotateHeads(const Rotation& rotation) {
  const RotaryEmbeddingArgs& args = rotation.args;
  const int64_t half = args.layout.head_dim / 2;
  const int64_t heads = args.layout.query_heads + args.layout.kv_heads;
  for (int64_t t = 0; t < args.qkv_TN.rows; ++t) {
    const float* cos = args.cos_PD + args.positions_T[t] * half;
    const float* sin = args.sin_PD + args.positions_T[t] * half;
    for (int64_t h = 0; h < heads; ++h) {
      float* first = args.qkv_TN.FloatRow(t) + h * 2 * half;
      float* second = first + half;
      for (int64_t i = 0; i < half; ++i) {
        const float x1 = first[i], x2 = second[i];
        const float s = sin[i] * rotation.direction;
        first[i] = x1 * cos[i] - x2 * s;
        second[i] = x2 * cos[i] + x1 * s;
      }
    }
  }
}

template <int N>
LOCKSTEP_INLINE void Rotate(const Rotation& rotation) {
  if constexpr (N >= 8) {
    if (rotation.args.layout.head_dim == 8) {
      RotateSmallHeads<N, 8>(rotation);
      return;
    }
  }
  RotateHeads(rotation);
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(Rotate, Rotation)

absl::Status CheckPositions(const RotaryEmbeddingArgs& args) {
  for (int64_t t = 0; t < args.qkv_TN.rows; ++t) {
    const int32_t position = args.positions_T[t];
    if (position < 0 || position >= args.table_positions) {
      return absl::InvalidArgumentError(absl::StrCat(
          "rotary_embedding: position ", position, " of token ", t,
          " where the table has ", args.table_positions, " positions"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAndRotate(const RotaryEmbeddingArgs& args, float direction) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckCpuFloat("rotary_embedding", args.qkv_TN));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckPositions(args));
  Rotate({.args = args, .direction = direction});
  return absl::OkStatus();
}

}  // namespace

absl::Status RotaryEmbeddingForwardCpu(const RotaryEmbeddingArgs& args) {
  return CheckAndRotate(args, 1.0f);
}

absl::Status RotaryEmbeddingBackwardCpu(const RotaryEmbeddingArgs& args) {
  return CheckAndRotate(args, -1.0f);
}

}  // namespace lockstep
