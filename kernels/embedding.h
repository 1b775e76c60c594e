#ifndef LOCKSTEP_KERNELS_EMBEDDING_H_
#define LOCKSTEP_KERNELS_EMBEDDING_H_

// Token embeddings: a gather forward, a scatter-add backward. T tokens,
// V vocabulary, D hidden size.

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/tensor_view.h"

namespace lockstep {

// out_TD[t] = table_VD[ids_T[t]]. INVALID_ARGUMENT: a shape, or (found on the
// CPU only) an id outside the vocabulary; nothing is written then.
absl::Status EmbeddingForward(TensorView out_TD, TensorView table_VD,
                              const int32_t* ids_T, Stream stream = {});
absl::Status EmbeddingForwardCpu(TensorView out_TD, TensorView table_VD,
                                 const int32_t* ids_T);
absl::Status EmbeddingForwardCuda(TensorView out_TD, TensorView table_VD,
                                  const int32_t* ids_T, Stream stream);

// In place of an id: the token has no row, and what is in its place is not
// read.
inline constexpr int32_t kNoRow = -1;

// d_table_VD[ids_T[t]] += d_out_TD[t], in the order of the tokens, so the same
// input gives the same bits; but for tokens whose id is kNoRow. d_table is
// float32. Fails like EmbeddingForward.
absl::Status EmbeddingBackward(TensorView d_table_VD, TensorView d_out_TD,
                               const int32_t* ids_T, Stream stream = {});
absl::Status EmbeddingBackwardCpu(TensorView d_table_VD, TensorView d_out_TD,
                                  const int32_t* ids_T);
absl::Status EmbeddingBackwardCuda(TensorView d_table_VD, TensorView d_out_TD,
                                   const int32_t* ids_T, Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_EMBEDDING_H_
