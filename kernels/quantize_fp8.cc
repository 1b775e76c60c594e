#include "kernels/quantize_fp8.h"

#include "absl/strings/str_cat.h"
#include "kernels/fp8.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

absl::Status CheckFits(const QuantizeFp8Args& args) {
  const int64_t cols = args.in.cols, tail = args.tail;
  const int64_t out_cols = cols + (kFp8TailParts - 1) * tail;
  if (tail >= 0 && tail <= cols &&
      (args.out_stride >= out_cols || args.in.rows <= 1)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("quantize_fp8: a tail of ", tail, " among ", cols,
                   " columns in rows of ", args.out_stride, " bytes"));
}

}  // namespace

absl::Status QuantizeFp8(const QuantizeFp8Args& args, Stream stream) {
  const int64_t rows = args.in.rows, cols = args.in.cols;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("quantize_fp8 in", args.in, rows, cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckFits(args));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("quantize_fp8 out", args.out, rows * cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("quantize_fp8 scale", args.scale_T, rows));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("quantize_fp8 tail_factor", args.tail_factor, args.tail));
  return args.in.device == Device::kCuda ? QuantizeFp8Cuda(args, stream)
                                         : QuantizeFp8Cpu(args);
}

}  // namespace lockstep
