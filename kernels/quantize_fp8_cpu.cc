#include <cstdint>

#include "kernels/fp8.h"
#include "kernels/quantize_fp8.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

void WriteTail(uint8_t* out, const float* in, int64_t tail, float factor,
               float inverse) {
  for (int64_t i = 0; i < tail; ++i) {
    const float value = (in[i] * factor) * inverse;
    const uint8_t bits = ToE4m3(value);
    const float high = FromE4m3(bits);
    out[i] = bits;
    out[i + tail] = ToE4m3(high / kFp8RestFactor);
    out[i + 2 * tail] = ToE4m3(value - high);
  }
}

}  // namespace

absl::Status QuantizeFp8Cpu(const QuantizeFp8Args& args) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("quantize_fp8", args.in));
  const int64_t cols = args.in.cols - args.tail;
  const float factor = args.tail > 0 ? *args.tail_factor : 0;
  for (int64_t t = 0; t < args.in.rows; ++t) {
    const float* in = args.in.FloatRow(t);
    float most = args.least;
    for (int64_t i = 0; i < cols; ++i) most = LargerMagnitude(most, in[i]);
    for (int64_t i = cols; i < args.in.cols; ++i) {
      most = LargerMagnitude(most, in[i] * factor);
    }
    const Fp8Scale scale = Fp8ScaleOf(most);
    args.scale_T[t] = scale.scale;
    uint8_t* out = args.out + t * args.out_stride;
    for (int64_t i = 0; i < cols; ++i) out[i] = ToE4m3(in[i] * scale.inverse);
    WriteTail(out + cols, in + cols, args.tail, factor, scale.inverse);
  }
  return absl::OkStatus();
}

}  // namespace lockstep
