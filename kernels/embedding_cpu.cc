#include "kernels/embedding.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

// Ids below `least` are refused, too.
absl::Status Check(const TensorView& table_VD, const TensorView& rows_TD,
                   const int32_t* ids_T, int32_t least) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("embedding", table_VD));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("embedding", rows_TD));
  for (int64_t t = 0; t < rows_TD.rows; ++t) {
    if (ids_T[t] < least || ids_T[t] >= table_VD.rows) {
      return absl::InvalidArgumentError(
          absl::StrCat("embedding: id ", ids_T[t], " of token ", t,
                       " where the vocabulary is ", table_VD.rows));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EmbeddingForwardCpu(TensorView out_TD, TensorView table_VD,
                                 const int32_t* ids_T) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(table_VD, out_TD, ids_T, 0));
  for (int64_t t = 0; t < out_TD.rows; ++t) {
    std::copy_n(table_VD.FloatRow(ids_T[t]), table_VD.cols, out_TD.FloatRow(t));
  }
  return absl::OkStatus();
}

absl::Status EmbeddingBackwardCpu(TensorView d_table_VD, TensorView d_out_TD,
                                  const int32_t* ids_T) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(d_table_VD, d_out_TD, ids_T, kNoRow));
  for (int64_t t = 0; t < d_out_TD.rows; ++t) {
    if (ids_T[t] == kNoRow) continue;
    const float* in = d_out_TD.FloatRow(t);
    float* out = d_table_VD.FloatRow(ids_T[t]);
    for (int64_t d = 0; d < d_out_TD.cols; ++d) out[d] += in[d];
  }
  return absl::OkStatus();
}

}  // namespace lockstep
