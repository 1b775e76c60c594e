#include "kernels/adamw.h"

#include <cmath>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_width.h"

namespace lockstep {
namespace {

// Compiled without fused multiply-add (CMakeLists.txt), and sums nothing: the
// replicas stay equal bit by bit on unlike machines, too.
template <int N>
LOCKSTEP_INLINE void Step(const AdamWArgs& args) {
  const auto t = static_cast<double>(args.step);
  const auto step_size =
      static_cast<float>(args.learning_rate / (1 - std::pow(args.beta1, t)));
  const auto root_correction =
      static_cast<float>(std::sqrt(1 - std::pow(args.beta2, t)));
  const auto scale = static_cast<float>(args.gradient_scale);
  const auto share1 = static_cast<float>(1 - args.beta1);
  const auto beta2 = static_cast<float>(args.beta2);
  const auto share2 = static_cast<float>(1 - args.beta2);
  const auto epsilon = static_cast<float>(args.epsilon);
  float* __restrict values = args.values;
  float* __restrict exp_avg = args.exp_avg;
  float* __restrict exp_avg_sq = args.exp_avg_sq;
  const float* __restrict gradients = args.gradients;
  for (const AdamWSegment& segment : args.segments) {
    const auto kept =
        static_cast<float>(1 - args.learning_rate * segment.weight_decay);
    for (int64_t i = segment.begin; i < segment.end; ++i) {
      const float g = gradients[i] * scale;
      const float m = exp_avg[i] + share1 * (g - exp_avg[i]);
      const float v = beta2 * exp_avg_sq[i] + share2 * g * g;
      const float root = std::sqrt(v) / root_correction + epsilon;
      exp_avg[i] = m;
      exp_avg_sq[i] = v;
      values[i] = values[i] * kept - step_size * (m / root);
    }
  }
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(Step, AdamWArgs)

}  // namespace

absl::Status AdamWStepCpu(const AdamWArgs& args) {
  Step(args);
  return absl::OkStatus();
}

}  // namespace lockstep
