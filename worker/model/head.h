#ifndef LOCKSTEP_WORKER_MODEL_HEAD_H_
#define LOCKSTEP_WORKER_MODEL_HEAD_H_

// The LM head and the loss, on trained rows only and a chunk of rows at a
// time: the logits of all tokens never exist, and rows without a label cost
// nothing. The loss pass leaves the gradient where the logits were.
//
// Used by the trainer's thread.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/cross_entropy.h"
#include "worker/model/placed_ints.h"
#include "worker/model/placement.h"
#include "worker/model/step_buffers.h"

namespace lockstep {

// Sums over the loss terms of one micro-batch.
struct StepOutput {
  double loss_sum = 0;
  int64_t trained_tokens = 0;
  // Loss terms whose likeliest token was the right one.
  int64_t correct = 0;
};

class Head {
 public:
  Head(const Placement& placement, int64_t max_tokens);

  // Rows of logits that exist at a time: on the CPU as many as stay in the
  // cache of a core, on a GPU as many as fill it.
  static int64_t ChunkRows(const Placement& placement, int64_t vocabulary,
                           int64_t max_tokens);

  // Finds the rows that have a label, for the calls below, and returns how
  // many there are.
  int64_t SelectTrained(absl::Span<const int32_t> labels);

  // The loss of the selected rows of buffers.final_TD.
  absl::StatusOr<StepOutput> Forward(const at::Tensor& head_VD,
                                     StepBuffers& buffers);

  // Also writes the gradient of buffers.final_TD into the first columns of
  // buffers.dresidual_TD, and adds to `dhead_VD` if it is defined.
  absl::StatusOr<StepOutput> ForwardBackward(const at::Tensor& head_VD,
                                             const at::Tensor& dhead_VD,
                                             StepBuffers& buffers);

 private:
  int64_t selected() const { return static_cast<int64_t>(rows_.size()); }
  // Begins the sums of a micro-batch.
  absl::Status Begin(StepBuffers& buffers);
  CrossEntropyArgs LossArgs(const at::Tensor& logits_CV, int64_t begin,
                            const StepBuffers& buffers);
  void AddLosses(const StepBuffers& buffers, int64_t rows);
  // On a GPU it waits for the loss.
  StepOutput Sums() const;

  // Ascending, and the label of each.
  std::vector<int32_t> rows_;
  std::vector<int32_t> labels_;
  PlacedInts placed_rows_;
  PlacedInts placed_labels_;
  // Where the losses are; float64 and int64, one element each.
  at::Tensor loss_sum_;
  at::Tensor correct_;
  // What they are added up in on a GPU: those of a chunk in float64.
  at::Tensor losses_;
  at::Tensor chunk_sum_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_HEAD_H_
