#include "worker/train/evaluator.h"

#include "proto/contract/status_macros.h"
#include "worker/train/micro_batch_view.h"

namespace lockstep {

absl::StatusOr<StepSums> Evaluator::Run() {
  StepSums mine;
  for (int64_t step = 0; step < loader_.steps_per_epoch(); ++step) {
    ASSIGN_OR_RETURN(const MicroBatch batch,
                     loader_.Load(/*epoch=*/0, step, /*micro_step=*/0));
    ASSIGN_OR_RETURN(const StepOutput output,
                     transformer_.Evaluate(ViewOf(batch)));
    mine += SumsOf(batch, output);
  }
  return data_parallel_.ReduceSums(mine);
}

}  // namespace lockstep
