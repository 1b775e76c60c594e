#include "kernels/lora_pack.h"

#include "absl/strings/str_cat.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

absl::Status CheckFits(const LoraPackArgs& args) {
  const int64_t rank = args.a_RK.rows;
  const int64_t end = args.column + rank;
  const bool row_fits = args.row >= 0 && args.row + args.b_NR.rows <= args.out;
  const bool rank_fits = args.column >= 0 &&
                         args.out + end <= args.packed.rows &&
                         args.in + end <= args.packed.cols;
  if (row_fits && rank_fits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "lora_pack: rank ", rank, " at tail column ", args.column, ", rows ",
      args.row, " to ", args.row + args.b_NR.rows, ", do not fit ", args.out,
      " x ", args.in, " in a matrix of ", args.packed.rows, " x ",
      args.packed.cols));
}

}  // namespace

absl::Status LoraPack(const LoraPackArgs& args, Stream stream) {
  const int64_t rank = args.a_RK.rows;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckShape(
      "lora_pack packed", args.packed, args.packed.rows, args.packed.cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("lora_pack a", args.a_RK, rank, args.in));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("lora_pack b", args.b_NR, args.b_NR.rows, rank));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckFits(args));
  return args.packed.device == Device::kCuda ? LoraPackCuda(args, stream)
                                             : LoraPackCpu(args);
}

}  // namespace lockstep
