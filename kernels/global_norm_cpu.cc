#include "kernels/global_norm.h"

#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_width.h"

namespace lockstep {
namespace {

// The same on every machine: a float's square is exact in double, and the
// number of partial sums does not follow the width of the vectors.
constexpr int kPartialSums = 16;

template <int N>
LOCKSTEP_INLINE void Sum(const SquaredSumArgs& args) {
  double partial[kPartialSums] = {};
  const int64_t whole = args.size / kPartialSums * kPartialSums;
  for (int64_t i = 0; i < whole; i += kPartialSums) {
    for (int j = 0; j < kPartialSums; ++j) {
      const double value = args.values[i + j];
      partial[j] += value * value;
    }
  }
  for (int64_t i = whole; i < args.size; ++i) {
    const double value = args.values[i];
    partial[i - whole] += value * value;
  }
  double sum = 0;
  for (const double part : partial) sum += part;
  *args.sum = sum;
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(Sum, SquaredSumArgs)

}  // namespace

absl::Status SquaredSumCpu(const SquaredSumArgs& args) {
  Sum(args);
  return absl::OkStatus();
}

}  // namespace lockstep
