#include "kernels/cross_entropy.h"

#include "kernels/status.h"

namespace lockstep {
namespace {

absl::Status Check(const CrossEntropyArgs& args) {
  const int64_t rows = args.logits_RV.rows;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckShape(
      "cross_entropy logits", args.logits_RV, rows, args.logits_RV.cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("cross_entropy loss", args.loss_R, rows));
  return CheckArray("cross_entropy labels", args.labels_R, rows);
}

}  // namespace

absl::Status CrossEntropyForward(const CrossEntropyArgs& args, Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(args));
  return args.logits_RV.device == Device::kCuda
             ? CrossEntropyForwardCuda(args, stream)
             : CrossEntropyForwardCpu(args);
}

absl::Status CrossEntropyForwardBackward(const CrossEntropyArgs& args,
                                         Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(args));
  return args.logits_RV.device == Device::kCuda
             ? CrossEntropyForwardBackwardCuda(args, stream)
             : CrossEntropyForwardBackwardCpu(args);
}

}  // namespace lockstep
