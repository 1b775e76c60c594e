#ifndef LOCKSTEP_WORKER_MODEL_TOKEN_BATCH_H_
#define LOCKSTEP_WORKER_MODEL_TOKEN_BATCH_H_

// One micro-batch as the model sees it: documents laid end to end without
// padding. Views of memory that the caller keeps during the call.

#include <algorithm>
#include <cstdint>

#include "absl/types/span.h"

namespace lockstep {

struct TokenBatch {
  absl::Span<const int32_t> ids;
  // The token that follows, where it is in the same document and trained;
  // else -1.
  absl::Span<const int32_t> labels;
  // Position in the document, from 0.
  absl::Span<const int32_t> positions;
  // Where documents begin; ends in the number of tokens.
  absl::Span<const int32_t> cu_seqlens;

  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
  int64_t longest_document() const {
    int32_t longest = 0;
    for (size_t i = 1; i < cu_seqlens.size(); ++i) {
      longest = std::max(longest, cu_seqlens[i] - cu_seqlens[i - 1]);
    }
    return longest;
  }
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_TOKEN_BATCH_H_
