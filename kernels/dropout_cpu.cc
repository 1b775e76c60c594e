#include "kernels/dropout.h"

#include <algorithm>
#include <cmath>

#include "kernels/philox.h"
#include "kernels/status.h"

namespace lockstep {

absl::Status DropoutCpu(TensorView out_TK, TensorView in_TK,
                        const DropoutMask& mask) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("dropout", out_TK));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("dropout", in_TK));
  const int64_t cols = in_TK.cols, groups = (cols + 3) / 4;
  // u >= p in whole numbers: u is word / 2^32.
  const auto threshold = static_cast<uint64_t>(std::ceil(mask.p * 0x1p32));
  const auto scale = static_cast<float>(1 / (1 - mask.p));
  for (int64_t t = 0; t < in_TK.rows; ++t) {
    const float* in = in_TK.FloatRow(t);
    float* out = out_TK.FloatRow(t);
    for (int64_t group = 0; group < groups; ++group) {
      const auto words = Philox4x32(t * groups + group, mask.offset, mask.seed);
      const int64_t end = std::min(cols, 4 * group + 4);
      for (int64_t i = 4 * group; i < end; ++i) {
        out[i] = words[i % 4] >= threshold ? in[i] * scale : 0.0f;
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace lockstep
