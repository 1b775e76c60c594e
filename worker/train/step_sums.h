#ifndef LOCKSTEP_WORKER_TRAIN_STEP_SUMS_H_
#define LOCKSTEP_WORKER_TRAIN_STEP_SUMS_H_

// What the ranks add up beside their gradients, in the tail of the same buffer:
// so all ranks learn at the end of a step that one of them was told to stop.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace lockstep {

struct StepSums {
  // Over the loss terms; not yet divided by their number.
  double loss_sum = 0;
  // Loss terms, and those whose likeliest token was right.
  int64_t trained_tokens = 0;
  int64_t correct = 0;
  // Input tokens without padding, and documents.
  int64_t tokens = 0;
  int64_t examples = 0;
  // Over the documents, the square of their tokens: what attention costs.
  int64_t squared_lengths = 0;
  // Stop after this step; write a checkpoint before. Set by a rank that was
  // told so, seen by all.
  bool stop = false;
  bool checkpoint = false;

  StepSums& operator+=(const StepSums& other);

  // Into the first floats of `tail` and back. Counts travel as two floats
  // each, so that their sums are exact far beyond 2^24.
  void Store(const at::Tensor& tail) const;
  static StepSums Load(const at::Tensor& tail);
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_STEP_SUMS_H_
