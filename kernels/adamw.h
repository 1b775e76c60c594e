#ifndef LOCKSTEP_KERNELS_ADAMW_H_
#define LOCKSTEP_KERNELS_ADAMW_H_

// One step of AdamW (arXiv:1711.05101) over flat float32 buffers, in the order
// of operations of torch.optim.AdamW. With g = gradient * gradient_scale and
// t = step:
//
//   p *= 1 - learning_rate * weight_decay
//   m  = m + (1 - beta1) * (g - m)
//   v  = beta2 * v + (1 - beta2) * g^2
//   p -= learning_rate / (1 - beta1^t)
//        * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "kernels/dtype.h"

namespace lockstep {

// Elements [begin, end) of the buffers and their decay. In host memory.
struct AdamWSegment {
  int64_t begin = 0;
  int64_t end = 0;
  double weight_decay = 0;
};

struct AdamWArgs {
  float* values = nullptr;
  float* exp_avg = nullptr;     // m
  float* exp_avg_sq = nullptr;  // v
  const float* gradients = nullptr;
  int64_t size = 0;
  Device device = Device::kCpu;
  // Ascending, without overlap; what they leave out is not updated.
  absl::Span<const AdamWSegment> segments;
  double learning_rate = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  int64_t step = 0;  // The first is 1.
  // Divides by the token count and clips.
  double gradient_scale = 1;
};

// INVALID_ARGUMENT: a null buffer, step below 1, or segments out of range or
// order; nothing is written then.
absl::Status AdamWStep(const AdamWArgs& args, Stream stream = {});
absl::Status AdamWStepCpu(const AdamWArgs& args);
absl::Status AdamWStepCuda(const AdamWArgs& args, Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_ADAMW_H_
