#ifndef LOCKSTEP_TESTS_WORKER_MODEL_TRAINING_STEP_H_
#define LOCKSTEP_TESTS_WORKER_MODEL_TRAINING_STEP_H_

// The optimizer step of one rank, without a trainer around it.

#include <cstdint>

#include "worker/model/model_weights.h"
#include "worker/model/token_batch.h"
#include "worker/model/transformer.h"
#include "worker/optim/adamw.h"
#include "worker/optim/clip.h"

namespace lockstep {

// AdamW with its defaults on all parameters, clipped at norm 1. What it is made
// of outlives it.
class TrainingStep {
 public:
  TrainingStep(ModelWeights& weights, Transformer& transformer);

  // Returns the mean loss. Dropout's mask is that of the number of the call.
  double Run(const TokenBatch& batch, double learning_rate);

 private:
  ModelWeights& weights_;
  Transformer& transformer_;
  AdamW adamw_;
  const GlobalNorm gradient_norm_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_TESTS_WORKER_MODEL_TRAINING_STEP_H_
