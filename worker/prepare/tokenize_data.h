#ifndef LOCKSTEP_WORKER_PREPARE_TOKENIZE_DATA_H_
#define LOCKSTEP_WORKER_PREPARE_TOKENIZE_DATA_H_

// All documents of a job: its files tokenised, rows held out for evaluation,
// every id known to the model.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "worker/data/token_cache.h"
#include "worker/prepare/place.h"
#include "worker/prepare/text_input.h"

namespace lockstep {

struct PlacedDocument {
  Document document;
  DocumentOrigin origin;
};

struct TokenizedData {
  std::vector<PlacedDocument> train;
  std::vector<PlacedDocument> eval;
  // rows, truncated_rows, dropped_rows, eval_rows, data_format, mask_source of
  // the sources; tokens and trained_tokens of `train`.
  v1::Plan counts;
};

// Errors begin with the field of the file, then FILE:LINE where it is a row.
// INVALID_ARGUMENT also: an id that the model's vocabulary does not have, and a
// split that leaves nothing to train on. FAILED_PRECONDITION: messages without
// a chat template.
absl::StatusOr<TokenizedData> TokenizeData(const v1::JobSpec& spec,
                                           const TextInput& text,
                                           int64_t vocab_size,
                                           const TellPlace& at);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_TOKENIZE_DATA_H_
