#ifndef LOCKSTEP_WORKER_TRAIN_MICRO_BATCH_VIEW_H_
#define LOCKSTEP_WORKER_TRAIN_MICRO_BATCH_VIEW_H_

// Between the data loader, which knows no model, and the model, which knows no
// loader.

#include "worker/data/data_loader.h"
#include "worker/model/token_batch.h"
#include "worker/model/transformer.h"
#include "worker/train/step_sums.h"

namespace lockstep {

// A view of `batch`, which must outlive it.
inline TokenBatch ViewOf(const MicroBatch& batch) {
  return {.ids = batch.ids,
          .labels = batch.labels,
          .positions = batch.position_ids,
          .cu_seqlens = batch.cu_seqlens};
}

// Over its documents.
inline int64_t SquaredLengthsOf(const MicroBatch& batch) {
  int64_t sum = 0;
  for (size_t i = 1; i < batch.cu_seqlens.size(); ++i) {
    const int64_t length = batch.cu_seqlens[i] - batch.cu_seqlens[i - 1];
    sum += length * length;
  }
  return sum;
}

// What a micro-batch adds to its step.
inline StepSums SumsOf(const MicroBatch& batch, const StepOutput& output) {
  return {.loss_sum = output.loss_sum,
          .trained_tokens = output.trained_tokens,
          .correct = output.correct,
          .tokens = batch.tokens,
          .examples = static_cast<int64_t>(batch.cu_seqlens.size()) - 1,
          .squared_lengths = SquaredLengthsOf(batch)};
}

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_MICRO_BATCH_VIEW_H_
