#ifndef LOCKSTEP_WORKER_TRAIN_FORWARD_H_
#define LOCKSTEP_WORKER_TRAIN_FORWARD_H_

// The logits of one document, as training computes them: what somebody needs
// who asks whether another program loads our files as we mean them.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace lockstep {

struct ForwardOptions {
  // Model folder.
  std::string model;
  // PEFT adapter folder; empty for none.
  std::string adapter;
  std::vector<int32_t> ids;
  // Safetensors file to write: one float32 tensor `logits`, [ids, vocabulary].
  std::string output;
};

// INVALID_ARGUMENT and NOT_FOUND name the file, or the token that the model
// does not have.
absl::Status WriteLogits(const ForwardOptions& options);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_FORWARD_H_
