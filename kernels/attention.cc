#include "kernels/attention.h"

#include "absl/strings/str_cat.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

constexpr int64_t kMaxHeadDim = 256;

absl::Status CheckSizes(const PackedDocuments& documents,
                        const QkvLayout& layout) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckLayout("attention", layout));
  if (layout.head_dim > kMaxHeadDim) {
    return absl::InvalidArgumentError(
        absl::StrCat("attention: head_dim ", layout.head_dim, " where at most ",
                     kMaxHeadDim, " is possible"));
  }
  if (documents.count < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("attention: ", documents.count, " documents"));
  }
  return CheckArray("attention cu_seqlens", documents.cu_seqlens,
                    documents.count + 1);
}

}  // namespace

absl::Status AttentionForward(const AttentionForwardArgs& args, Stream stream) {
  const QkvLayout& layout = args.layout;
  const int64_t t = args.qkv_TN.rows;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckSizes(args.documents, layout));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("attention qkv", args.qkv_TN, t, layout.cols()));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("attention out", args.out_TQ, t, layout.query_cols()));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("attention log_sum", args.log_sum_HT, layout.query_heads, t));
  return args.qkv_TN.device == Device::kCuda
             ? AttentionForwardCuda(args, stream)
             : AttentionForwardCpu(args);
}

absl::Status AttentionBackward(const AttentionBackwardArgs& args,
                               Stream stream) {
  const QkvLayout& layout = args.layout;
  const int64_t t = args.qkv_TN.rows;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckSizes(args.documents, layout));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("attention qkv", args.qkv_TN, t, layout.cols()));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("attention d_qkv", args.d_qkv_TN, t, layout.cols()));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("attention out", args.out_TQ, t, layout.query_cols()));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("attention d_out", args.d_out_TQ, t, layout.query_cols()));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("attention log_sum", args.log_sum_HT, layout.query_heads, t));
  return args.qkv_TN.device == Device::kCuda
             ? AttentionBackwardCuda(args, stream)
             : AttentionBackwardCpu(args);
}

}  // namespace lockstep
