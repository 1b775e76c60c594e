#include "kernels/dropout.h"

#include "absl/strings/str_cat.h"
#include "kernels/status.h"

namespace lockstep {

absl::Status Dropout(TensorView out_TK, TensorView in_TK,
                     const DropoutMask& mask, Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("dropout in", in_TK, in_TK.rows, in_TK.cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("dropout out", out_TK, in_TK.rows, in_TK.cols));
  if (!(mask.p >= 0 && mask.p < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("dropout: p is ", mask.p, "; it must be in [0, 1)"));
  }
  return in_TK.device == Device::kCuda
             ? DropoutCuda(out_TK, in_TK, mask, stream)
             : DropoutCpu(out_TK, in_TK, mask);
}

}  // namespace lockstep
