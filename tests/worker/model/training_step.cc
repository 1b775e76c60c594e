#include "tests/worker/model/training_step.h"

#include <ATen/ATen.h>

#include "proto/contract/check.h"
#include "worker/optim/clip.h"

namespace lockstep {

TrainingStep::TrainingStep(ModelWeights& weights, Transformer& transformer)
    : weights_(weights),
      transformer_(transformer),
      adamw_(weights.parameters()->values(), weights.parameters()->gradients(),
             {{0, weights.parameters()->size(), true}}, AdamWOptions{}),
      gradient_norm_(weights.parameters()->gradients()) {}

double TrainingStep::Run(const TokenBatch& batch, double learning_rate) {
  Parameters& parameters = *weights_.parameters();
  parameters.gradients_and_tail().zero_();
  const auto output = transformer_.ForwardBackward(batch, adamw_.steps());
  LOCKSTEP_CHECK(output.ok());
  const double scale = 1.0 / static_cast<double>(output->trained_tokens);
  const double norm = gradient_norm_.Measure() * scale;
  adamw_.Step(learning_rate, scale * ClipFactor(norm, 1.0));
  LOCKSTEP_CHECK(weights_.AfterUpdate().ok());
  return output->loss_sum * scale;
}

}  // namespace lockstep
