#ifndef LOCKSTEP_KERNELS_CROSS_ENTROPY_H_
#define LOCKSTEP_KERNELS_CROSS_ENTROPY_H_

// Softmax cross-entropy of rows of logits, and its gradient over the logits
// themselves: no second [R, V] buffer exists. Every row is trained; row_select
// compacts them before. R rows, V vocabulary.
//
//   loss_R    = log(sum_V(exp(logits))) - logits[label]
//   logits_RV = (softmax(logits) - onehot(label)) * scale

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/tensor_view.h"

namespace lockstep {

struct CrossEntropyArgs {
  float* loss_R = nullptr;
  // Added to: rows whose likeliest token (the first, if several are) is the
  // label. Optional.
  int64_t* correct = nullptr;
  TensorView logits_RV;
  const int32_t* labels_R = nullptr;  // Each in [0, V).
  // Of the gradient; CrossEntropyForward does not read it.
  double scale = 1;
};

// Leaves the logits as they are. INVALID_ARGUMENT: a shape, or (found on the
// CPU only) a label outside the vocabulary, in which case nothing is written.
absl::Status CrossEntropyForward(const CrossEntropyArgs& args,
                                 Stream stream = {});
absl::Status CrossEntropyForwardCpu(const CrossEntropyArgs& args);
absl::Status CrossEntropyForwardCuda(const CrossEntropyArgs& args,
                                     Stream stream);

// Overwrites the logits with the gradient. Fails like CrossEntropyForward.
absl::Status CrossEntropyForwardBackward(const CrossEntropyArgs& args,
                                         Stream stream = {});
absl::Status CrossEntropyForwardBackwardCpu(const CrossEntropyArgs& args);
absl::Status CrossEntropyForwardBackwardCuda(const CrossEntropyArgs& args,
                                             Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_CROSS_ENTROPY_H_
