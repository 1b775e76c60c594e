#include "kernels/lora_pack.h"

#include "absl/strings/str_cat.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

absl::Status CheckFits(const LoraPackArgs& args) {
  const int64_t rank = args.a_RK.rows;
  const int64_t end = args.column + rank;
  const int64_t out = args.scaled_b_NR.rows, tail = args.scaled_b_NR.cols;
  const bool row_fits = args.row >= 0 && args.row + args.b_NR.rows <= out;
  if (row_fits && args.column >= 0 && end <= tail) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("lora_pack: rank ", rank, " at tail column ", args.column,
                   ", rows ", args.row, " to ", args.row + args.b_NR.rows,
                   ", do not fit ", out, " rows and a tail of ", tail));
}

}  // namespace

absl::Status LoraPack(const LoraPackArgs& args, Stream stream) {
  const int64_t rank = args.a_RK.rows, in = args.a_RK.cols;
  const int64_t out = args.scaled_b_NR.rows, tail = args.scaled_b_NR.cols;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("lora_pack stacked_a", args.stacked_a_RK, tail, in));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("lora_pack scaled_b", args.scaled_b_NR, out, tail));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("lora_pack a", args.a_RK, rank, in));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("lora_pack b", args.b_NR, args.b_NR.rows, rank));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckFits(args));
  return args.scaled_b_NR.device == Device::kCuda ? LoraPackCuda(args, stream)
                                                  : LoraPackCpu(args);
}

}  // namespace lockstep
