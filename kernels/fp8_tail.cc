#include "kernels/fp8_tail.h"

#include "absl/strings/str_cat.h"
#include "kernels/fp8.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

absl::Status CheckTail(const Fp8Tail& tail) {
  const int64_t rows = tail.transposed ? tail.in.cols : tail.in.rows;
  const int64_t cols = tail.transposed ? tail.in.rows : tail.in.cols;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("fp8_tail in", tail.in, tail.in.rows, tail.in.cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("fp8_tail out", tail.out, rows * cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("fp8_tail factor", tail.factor, kFp8TailFactorFloats));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("fp8_tail scale", tail.scale_N, rows));
  if (tail.out_stride >= kFp8TailParts * cols || rows <= 1) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("fp8_tail: rows of ", tail.out_stride, " bytes do not hold ",
                   kFp8TailParts, " times a tail of ", cols));
}

}  // namespace

absl::Status PackFp8Tails(absl::Span<const Fp8Tail> tails, Stream stream) {
  if (tails.empty()) return absl::OkStatus();
  for (const Fp8Tail& tail : tails) {
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckTail(tail));
  }
  return tails[0].in.device == Device::kCuda ? PackFp8TailsCuda(tails, stream)
                                             : PackFp8TailsCpu(tails);
}

}  // namespace lockstep
