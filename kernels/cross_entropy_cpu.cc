#include "kernels/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_width.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

using simd::Float;
using simd::LoadUpTo;
using simd::StoreUpTo;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// Columns summed in float32 before they join a sum in double: vocabularies of
// 150 thousand lose nothing.
constexpr int64_t kBlock = 1024;

template <int N>
LOCKSTEP_INLINE float RowMax(const float* row, int64_t cols) {
  Float<N> most = simd::Broadcast<N>(-kInfinity);
  for (int64_t i = 0; i < cols; i += N) {
    const Float<N> x = LoadUpTo<N>(row + i, cols - i, -kInfinity);
    most = simd::Compare<N>::Max(x, most);
  }
  return simd::Max<N>(most);
}

// sum_V(exp(row - most)). Leaves the terms in the row if kKeepTerms.
template <int N, bool kKeepTerms>
LOCKSTEP_INLINE double SumOfExponentials(float* row, int64_t cols, float most) {
  double sum = 0;
  for (int64_t begin = 0; begin < cols; begin += kBlock) {
    const int64_t end = std::min(cols, begin + kBlock);
    Float<N> block{};
    for (int64_t i = begin; i < end; i += N) {
      const Float<N> x = LoadUpTo<N>(row + i, end - i, -kInfinity);
      const Float<N> term = simd::Exp<N>(x - most);
      if constexpr (kKeepTerms) StoreUpTo<N>(row + i, term, end - i);
      block += term;
    }
    sum += simd::Sum<N>(block);
  }
  return sum;
}

template <int N, bool kBackward>
LOCKSTEP_INLINE void Rows(const CrossEntropyArgs& args) {
  const int64_t cols = args.logits_RV.cols;
  for (int64_t r = 0; r < args.logits_RV.rows; ++r) {
    float* row = args.logits_RV.FloatRow(r);
    const int32_t label = args.labels_R[r];
    const float logit = row[label];
    const float most = RowMax<N>(row, cols);
    if (args.correct != nullptr && logit == most &&
        std::find(row, row + label, most) == row + label) {
      ++*args.correct;
    }
    const double sum = SumOfExponentials<N, kBackward>(row, cols, most);
    args.loss_R[r] = static_cast<float>(std::log(sum) + most - logit);
    if constexpr (kBackward) {
      const auto share = static_cast<float>(args.scale / sum);
      for (int64_t i = 0; i < cols; ++i) row[i] *= share;
      row[label] -= static_cast<float>(args.scale);
    }
  }
}

template <int N>
LOCKSTEP_INLINE void Forward(const CrossEntropyArgs& args) {
  Rows<N, /*kBackward=*/false>(args);
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(Forward, CrossEntropyArgs)

template <int N>
LOCKSTEP_INLINE void ForwardBackward(const CrossEntropyArgs& args) {
  Rows<N, /*kBackward=*/true>(args);
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(ForwardBackward, CrossEntropyArgs)

absl::Status Check(const CrossEntropyArgs& args) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckCpuFloat("cross_entropy", args.logits_RV));
  for (int64_t r = 0; r < args.logits_RV.rows; ++r) {
    if (args.labels_R[r] < 0 || args.labels_R[r] >= args.logits_RV.cols) {
      return absl::InvalidArgumentError(
          absl::StrCat("cross_entropy: label ", args.labels_R[r], " of row ", r,
                       " where the vocabulary is ", args.logits_RV.cols));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CrossEntropyForwardCpu(const CrossEntropyArgs& args) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(args));
  Forward(args);
  return absl::OkStatus();
}

absl::Status CrossEntropyForwardBackwardCpu(const CrossEntropyArgs& args) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(args));
  ForwardBackward(args);
  return absl::OkStatus();
}

}  // namespace lockstep
