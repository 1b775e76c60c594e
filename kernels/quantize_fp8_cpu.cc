#include <cstdint>

#include "kernels/fp8.h"
#include "kernels/quantize_fp8.h"
#include "kernels/status.h"

namespace lockstep {

absl::Status QuantizeFp8Cpu(const QuantizeFp8Args& args) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("quantize_fp8", args.in_TK));
  const int64_t cols = args.in_TK.cols;
  for (int64_t t = 0; t < args.in_TK.rows; ++t) {
    const float* in = args.in_TK.FloatRow(t);
    float most = 0;
    for (int64_t i = 0; i < cols; ++i) most = LargerMagnitude(most, in[i]);
    const Fp8Scale scale = Fp8ScaleOf(most);
    args.scale_T[t] = scale.scale;
    uint8_t* out = args.out_TK + t * cols;
    for (int64_t i = 0; i < cols; ++i) out[i] = ToE4m3(in[i] * scale.inverse);
  }
  return absl::OkStatus();
}

}  // namespace lockstep
