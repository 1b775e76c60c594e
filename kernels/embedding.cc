#include "kernels/embedding.h"

#include "kernels/status.h"

namespace lockstep {
namespace {

absl::Status Check(const TensorView& table_VD, const TensorView& rows_TD,
                   const int32_t* ids_T) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("embedding table", table_VD, table_VD.rows, table_VD.cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("embedding out", rows_TD, rows_TD.rows, table_VD.cols));
  return CheckArray("embedding ids", ids_T, rows_TD.rows);
}

}  // namespace

absl::Status EmbeddingForward(TensorView out_TD, TensorView table_VD,
                              const int32_t* ids_T, Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(table_VD, out_TD, ids_T));
  return table_VD.device == Device::kCuda
             ? EmbeddingForwardCuda(out_TD, table_VD, ids_T, stream)
             : EmbeddingForwardCpu(out_TD, table_VD, ids_T);
}

absl::Status EmbeddingBackward(TensorView d_table_VD, TensorView d_out_TD,
                               const int32_t* ids_T, Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(d_table_VD, d_out_TD, ids_T));
  return d_table_VD.device == Device::kCuda
             ? EmbeddingBackwardCuda(d_table_VD, d_out_TD, ids_T, stream)
             : EmbeddingBackwardCpu(d_table_VD, d_out_TD, ids_T);
}

}  // namespace lockstep
