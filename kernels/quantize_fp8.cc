#include "kernels/quantize_fp8.h"

#include "kernels/status.h"

namespace lockstep {

absl::Status QuantizeFp8(const QuantizeFp8Args& args, Stream stream) {
  const int64_t rows = args.in_TK.rows, cols = args.in_TK.cols;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("quantize_fp8 in", args.in_TK, rows, cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("quantize_fp8 out", args.out_TK, rows * cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("quantize_fp8 scale", args.scale_T, rows));
  return args.in_TK.device == Device::kCuda ? QuantizeFp8Cuda(args, stream)
                                            : QuantizeFp8Cpu(args);
}

}  // namespace lockstep
