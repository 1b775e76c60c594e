#include "kernels/adamw.h"

#include "absl/strings/str_cat.h"
#include "kernels/status.h"
#include "kernels/tensor_view.h"

namespace lockstep {
namespace {

absl::Status CheckBuffers(const AdamWArgs& args) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("adamw values", args.values, args.size));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("adamw exp_avg", args.exp_avg, args.size));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("adamw exp_avg_sq", args.exp_avg_sq, args.size));
  return CheckArray("adamw gradients", args.gradients, args.size);
}

absl::Status CheckSegments(const AdamWArgs& args) {
  int64_t end = 0;
  for (const AdamWSegment& segment : args.segments) {
    if (segment.begin < end || segment.end < segment.begin ||
        segment.end > args.size) {
      return absl::InvalidArgumentError(
          absl::StrCat("adamw: segment [", segment.begin, ", ", segment.end,
                       ") behind one that ends at ", end,
                       "; segments must ascend without overlap within [0, ",
                       args.size, ")"));
    }
    end = segment.end;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AdamWStep(const AdamWArgs& args, Stream stream) {
  if (args.step < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("adamw: step ", args.step, " where the first is 1"));
  }
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckBuffers(args));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckSegments(args));
  return args.device == Device::kCuda ? AdamWStepCuda(args, stream)
                                      : AdamWStepCpu(args);
}

}  // namespace lockstep
