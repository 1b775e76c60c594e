#ifndef LOCKSTEP_WORKER_MODEL_PLACED_BATCH_H_
#define LOCKSTEP_WORKER_MODEL_PLACED_BATCH_H_

// A micro-batch where the kernels of the model's device can read it. Labels are
// not in it: the head places those of trained rows.
//
// Used by the trainer's thread.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "worker/model/placed_ints.h"
#include "worker/model/token_batch.h"

namespace lockstep {

class PlacedBatch {
 public:
  PlacedBatch(at::Device device, int64_t max_tokens)
      : ids_(device, max_tokens),
        positions_(device, max_tokens),
        cu_seqlens_(device, max_tokens + 1) {}

  // The caller keeps the batch until it is done with this one. It has at most
  // `max_tokens` tokens, and documents are not empty.
  void Place(const TokenBatch& batch) {
    ids_.Place(batch.ids);
    positions_.Place(batch.positions);
    cu_seqlens_.Place(batch.cu_seqlens);
    documents_ = static_cast<int64_t>(batch.cu_seqlens.size()) - 1;
    longest_document_ = batch.longest_document();
  }

  const int32_t* ids() const { return ids_.data(); }
  at::Tensor ids_tensor() const { return ids_.tensor(); }
  const int32_t* positions() const { return positions_.data(); }
  const PlacedInts& cu_seqlens() const { return cu_seqlens_; }
  int64_t documents() const { return documents_; }
  int64_t longest_document() const { return longest_document_; }

 private:
  PlacedInts ids_;
  PlacedInts positions_;
  PlacedInts cu_seqlens_;
  int64_t documents_ = 0;
  int64_t longest_document_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_PLACED_BATCH_H_
