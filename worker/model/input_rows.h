#ifndef LOCKSTEP_WORKER_MODEL_INPUT_ROWS_H_
#define LOCKSTEP_WORKER_MODEL_INPUT_ROWS_H_

// The part of the embedding's gradient that comes from the model's input: a row
// for each token of a pass, which are few beside the vocabulary, and known last
// of all gradients. So ranks that train together leave the rows of the last
// pass of a step apart: the rest of that gradient (of a head that is the
// embedding, of passes before) is summed early in that pass, and at its end the
// ranks gather the rows, and each adds those of all in the same order.
//
// Used by the trainer's thread.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "worker/model/method.h"
#include "worker/model/model_config.h"
#include "worker/model/placement.h"

namespace lockstep {

// T tokens of the largest micro-batch, R ranks, D hidden. All undefined where
// rows are not left apart.
struct InputRows {
  // Of this rank: tokens, and the gradient of the row of each. Behind the
  // tokens of the micro-batch are kNoRow (kernels/embedding.h), and anything.
  at::Tensor ids_T;
  at::Tensor drows_TD;
  // Where those of all ranks go. It is a place of what a backward pass is
  // through with, and is lost in the next pass.
  at::Tensor all_ids_RT;
  at::Tensor all_drows_RTD;

  bool defined() const { return ids_T.defined(); }
};

// Whether rows are left apart, which every rank decides alike: where there are
// others, the embedding is trained, and the rows of all ranks take fewer bytes
// than the gradient of the vocabulary, which would be summed in their place.
inline bool LeavesInputRowsApart(const ModelConfig& config,
                                 const Method& method,
                                 const Placement& placement, int64_t max_tokens,
                                 int64_t ranks) {
  if (ranks < 2 || method.kind != Method::Kind::kFull) return false;
  const auto element =
      static_cast<int64_t>(c10::elementSize(placement.compute));
  // Both have the hidden size as their columns.
  return ranks * max_tokens * element <
         config.vocab_size * static_cast<int64_t>(sizeof(float));
}

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_INPUT_ROWS_H_
