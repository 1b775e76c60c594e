#include "kernels/fp8_tail.h"

#include "kernels/fp8.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

// Calls each(n, r, in_nr / scale_n).
template <typename Each>
void ForEach(const Fp8Tail& tail, const Each& each) {
  for (int64_t i = 0; i < tail.in.rows; ++i) {
    const float* row = tail.in.FloatRow(i);
    for (int64_t j = 0; j < tail.in.cols; ++j) {
      const int64_t n = tail.transposed ? j : i;
      const int64_t r = tail.transposed ? i : j;
      each(n, r, row[j] / tail.scale_N[n]);
    }
  }
}

void Pack(const Fp8Tail& tail) {
  float largest = 0;
  ForEach(tail, [&](int64_t, int64_t, float value) {
    largest = LargerMagnitude(largest, value);
  });
  const float factor = Fp8TailFactor(largest);
  tail.factor[0] = factor;
  const int64_t cols = tail.transposed ? tail.in.rows : tail.in.cols;
  ForEach(tail, [&](int64_t n, int64_t r, float value) {
    value /= factor;
    const uint8_t bits = ToE4m3(value);
    uint8_t* out = tail.out + n * tail.out_stride + r;
    out[0] = out[2 * cols] = bits;
    out[cols] = ToE4m3(kFp8RestFactor * (value - FromE4m3(bits)));
  });
}

}  // namespace

absl::Status PackFp8TailsCpu(absl::Span<const Fp8Tail> tails) {
  for (const Fp8Tail& tail : tails) {
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("fp8_tail", tail.in));
    Pack(tail);
  }
  return absl::OkStatus();
}

}  // namespace lockstep
