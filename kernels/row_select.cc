#include "kernels/row_select.h"

#include "kernels/status.h"

namespace lockstep {
namespace {

absl::Status CheckRows(const TensorView& all_TD, const TensorView& selected_RD,
                       const int32_t* rows_R) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("row_select all rows", all_TD, all_TD.rows, all_TD.cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckShape(
      "row_select selected rows", selected_RD, selected_RD.rows, all_TD.cols));
  return CheckArray("row_select row numbers", rows_R, selected_RD.rows);
}

}  // namespace

absl::Status GatherRows(TensorView out_RD, TensorView in_TD,
                        const int32_t* rows_R, Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckRows(in_TD, out_RD, rows_R));
  return in_TD.device == Device::kCuda
             ? GatherRowsCuda(out_RD, in_TD, rows_R, stream)
             : GatherRowsCpu(out_RD, in_TD, rows_R);
}

absl::Status ScatterRows(TensorView out_TD, TensorView in_RD,
                         const int32_t* rows_R, Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckRows(out_TD, in_RD, rows_R));
  return out_TD.device == Device::kCuda
             ? ScatterRowsCuda(out_TD, in_RD, rows_R, stream)
             : ScatterRowsCpu(out_TD, in_RD, rows_R);
}

absl::Status ScatterAddRows(TensorView out_TD, TensorView in_RD,
                            const int32_t* rows_R, Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckRows(out_TD, in_RD, rows_R));
  return out_TD.device == Device::kCuda
             ? ScatterAddRowsCuda(out_TD, in_RD, rows_R, stream)
             : ScatterAddRowsCpu(out_TD, in_RD, rows_R);
}

}  // namespace lockstep
