#ifndef LOCKSTEP_WORKER_MODEL_TRANSFORMER_OPTIONS_H_
#define LOCKSTEP_WORKER_MODEL_TRANSFORMER_OPTIONS_H_

// What a transformer is built for; its memory follows from it.

#include <cstdint>

#include "worker/model/gpu_attention.h"
#include "worker/model/step_buffers.h"

namespace lockstep {

struct TransformerOptions {
  // Tokens of the largest micro-batch, and of the longest document.
  int64_t max_tokens = 0;
  int64_t max_document = 0;
  // Documents of a micro-batch; 0: as many as it has tokens.
  int64_t max_documents = 0;
  // Whether ForwardBackward will be called.
  bool backward = true;
  Recompute recompute = Recompute::kNone;
  // Whether the same steps end in the same bits.
  bool deterministic = true;
  // Those that train together, which may leave input rows apart
  // (input_rows.h).
  int ranks = 1;

  GpuAttention::Options attention() const {
    return {.tokens = max_tokens,
            .documents = max_documents > 0 ? max_documents : max_tokens,
            .longest_document = max_document,
            .backward = backward,
            .ordered = deterministic};
  }
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_TRANSFORMER_OPTIONS_H_
