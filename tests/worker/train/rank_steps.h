#ifndef LOCKSTEP_TESTS_WORKER_TRAIN_RANK_STEPS_H_
#define LOCKSTEP_TESTS_WORKER_TRAIN_RANK_STEPS_H_

// Optimizer steps of ranks that are threads and train all weights of a small
// model, on the CPU or on one GPU, without a trainer around them: packed
// documents, tokens that come again and again, and ranks that have fewer tokens
// than others.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "worker/comm/communicator.h"
#include "worker/model/parameters.h"
#include "worker/model/placement.h"
#include "worker/model/step_buffers.h"

namespace lockstep::testing {

struct RankSteps {
  // Whether the head is the embedding.
  bool tied = true;
  int ranks = 2;
  int accumulation = 1;
  int steps = 1;
  // Whether input rows may be left apart.
  bool apart = true;
  // Whether rank 1 has something to learn from at the end of a step.
  bool last_is_trained = true;
  Recompute recompute = Recompute::kNone;
  Placement placement;
};

struct RankStepsResult {
  // Whether they were.
  bool apart = false;
  // On the host; gradients are those of the last step, summed over the ranks.
  at::Tensor gradients;
  at::Tensor values;
  int64_t trained_tokens = 0;
  // Floats of all sums and elements of all gatherings of the last step.
  int64_t summed = 0;
  int64_t gathered = 0;
  // Of the embedding, in the flat buffers.
  int64_t embedding_floats = 0;

  at::Tensor EmbeddingGradient() const {
    return gradients.narrow(0, 0, embedding_floats);
  }
};

using Connect = std::function<std::unique_ptr<Communicator>(int rank)>;

// By rank.
std::vector<RankStepsResult> RunRankSteps(const RankSteps& steps,
                                          const Connect& connect);

// The same among threads that need no sockets.
std::vector<RankStepsResult> RunLocalRankSteps(const RankSteps& steps);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_WORKER_TRAIN_RANK_STEPS_H_
