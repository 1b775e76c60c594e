#include "kernels/row_select.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

absl::Status Check(const TensorView& all_TD, const TensorView& selected_RD,
                   const int32_t* rows_R) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("row_select", all_TD));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("row_select", selected_RD));
  int64_t next = 0;
  for (int64_t i = 0; i < selected_RD.rows; ++i) {
    if (rows_R[i] < next || rows_R[i] >= all_TD.rows) {
      return absl::InvalidArgumentError(
          absl::StrCat("row_select: row ", rows_R[i], " at place ", i,
                       "; rows must ascend within [0, ", all_TD.rows, ")"));
    }
    next = rows_R[i] + 1;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status GatherRowsCpu(TensorView out_RD, TensorView in_TD,
                           const int32_t* rows_R) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(in_TD, out_RD, rows_R));
  for (int64_t i = 0; i < out_RD.rows; ++i) {
    std::copy_n(in_TD.FloatRow(rows_R[i]), in_TD.cols, out_RD.FloatRow(i));
  }
  return absl::OkStatus();
}

absl::Status ScatterRowsCpu(TensorView out_TD, TensorView in_RD,
                            const int32_t* rows_R) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(out_TD, in_RD, rows_R));
  int64_t i = 0;
  for (int64_t t = 0; t < out_TD.rows; ++t) {
    if (i < in_RD.rows && rows_R[i] == t) {
      std::copy_n(in_RD.FloatRow(i++), in_RD.cols, out_TD.FloatRow(t));
    } else {
      std::fill_n(out_TD.FloatRow(t), out_TD.cols, 0.0f);
    }
  }
  return absl::OkStatus();
}

absl::Status ScatterAddRowsCpu(TensorView out_TD, TensorView in_RD,
                               const int32_t* rows_R) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(out_TD, in_RD, rows_R));
  for (int64_t i = 0; i < in_RD.rows; ++i) {
    const float* in = in_RD.FloatRow(i);
    float* out = out_TD.FloatRow(rows_R[i]);
    for (int64_t d = 0; d < in_RD.cols; ++d) out[d] += in[d];
  }
  return absl::OkStatus();
}

}  // namespace lockstep
