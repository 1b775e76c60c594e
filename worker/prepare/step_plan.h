#ifndef LOCKSTEP_WORKER_PREPARE_STEP_PLAN_H_
#define LOCKSTEP_WORKER_PREPARE_STEP_PLAN_H_

// How many bins and steps the run has, asked of the very loader that the ranks
// will use.

#include "absl/status/status.h"
#include "lockstep/v1/job.pb.h"
#include "worker/data/token_cache.h"

namespace lockstep {

// Sets bins_per_epoch, steps_per_epoch and steps. As Hugging Face's Trainer:
// max_steps when above 0, else ceil(num_train_epochs x steps_per_epoch).
// INVALID_ARGUMENT: nothing to train on.
absl::Status PlanSteps(const v1::JobSpec& spec, const TokenCache& train,
                       v1::Plan* plan);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_STEP_PLAN_H_
