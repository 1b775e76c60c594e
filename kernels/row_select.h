#ifndef LOCKSTEP_KERNELS_ROW_SELECT_H_
#define LOCKSTEP_KERNELS_ROW_SELECT_H_

// Rows of trained tokens, gathered into a compact buffer before the LM head and
// scattered back behind it. T tokens, R of them selected, D columns. rows_R
// holds R ascending, distinct row numbers in [0, T).

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/tensor_view.h"

namespace lockstep {

// out_RD[i] = in_TD[rows_R[i]]. INVALID_ARGUMENT: a shape, or (found on the CPU
// only) row numbers that are out of range or order; nothing is written then.
absl::Status GatherRows(TensorView out_RD, TensorView in_TD,
                        const int32_t* rows_R, Stream stream = {});
absl::Status GatherRowsCpu(TensorView out_RD, TensorView in_TD,
                           const int32_t* rows_R);
absl::Status GatherRowsCuda(TensorView out_RD, TensorView in_TD,
                            const int32_t* rows_R, Stream stream);

// out_TD[rows_R[i]] = in_RD[i], and zero in all other rows. Fails like
// GatherRows.
absl::Status ScatterRows(TensorView out_TD, TensorView in_RD,
                         const int32_t* rows_R, Stream stream = {});
absl::Status ScatterRowsCpu(TensorView out_TD, TensorView in_RD,
                            const int32_t* rows_R);
absl::Status ScatterRowsCuda(TensorView out_TD, TensorView in_RD,
                             const int32_t* rows_R, Stream stream);

// out_TD[rows_R[i]] += in_RD[i]; other rows stay. Fails like GatherRows.
absl::Status ScatterAddRows(TensorView out_TD, TensorView in_RD,
                            const int32_t* rows_R, Stream stream = {});
absl::Status ScatterAddRowsCpu(TensorView out_TD, TensorView in_RD,
                               const int32_t* rows_R);
absl::Status ScatterAddRowsCuda(TensorView out_TD, TensorView in_RD,
                                const int32_t* rows_R, Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_ROW_SELECT_H_
