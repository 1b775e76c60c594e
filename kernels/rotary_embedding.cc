#include "kernels/rotary_embedding.h"

#include "kernels/status.h"

namespace lockstep {
namespace {

absl::Status Check(const RotaryEmbeddingArgs& args) {
  const int64_t t = args.qkv_TN.rows;
  const int64_t entries = args.table_positions * args.layout.head_dim / 2;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckLayout("rotary_embedding", args.layout));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("rotary_embedding qkv", args.qkv_TN, t, args.layout.cols()));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("rotary_embedding positions", args.positions_T, t));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckArray("rotary_embedding cos", args.cos_PD, entries));
  return CheckArray("rotary_embedding sin", args.sin_PD, entries);
}

}  // namespace

absl::Status RotaryEmbeddingForward(const RotaryEmbeddingArgs& args,
                                    Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(args));
  return args.qkv_TN.device == Device::kCuda
             ? RotaryEmbeddingForwardCuda(args, stream)
             : RotaryEmbeddingForwardCpu(args);
}

absl::Status RotaryEmbeddingBackward(const RotaryEmbeddingArgs& args,
                                     Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(args));
  return args.qkv_TN.device == Device::kCuda
             ? RotaryEmbeddingBackwardCuda(args, stream)
             : RotaryEmbeddingBackwardCpu(args);
}

}  // namespace lockstep
