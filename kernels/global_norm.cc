#include "kernels/global_norm.h"

#include "absl/strings/str_cat.h"
#include "kernels/status.h"
#include "kernels/tensor_view.h"

namespace lockstep {

absl::Status SquaredSum(const SquaredSumArgs& args, Stream stream) {
  if (args.size < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("global_norm: size ", args.size, " is negative"));
  }
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckArray("global_norm sum", args.sum, 1));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("global_norm values", args.values, args.size));
  return args.device == Device::kCuda ? SquaredSumCuda(args, stream)
                                      : SquaredSumCpu(args);
}

}  // namespace lockstep
