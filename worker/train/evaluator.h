#ifndef LOCKSTEP_WORKER_TRAIN_EVALUATOR_H_
#define LOCKSTEP_WORKER_TRAIN_EVALUATOR_H_

// The loss on the evaluation set: dealt to the ranks like training data, summed
// over all of them, never a mean of means. Used by the trainer's thread.

#include <cstdint>

#include "absl/status/statusor.h"
#include "worker/data/data_loader.h"
#include "worker/model/transformer.h"
#include "worker/train/data_parallel.h"
#include "worker/train/step_sums.h"

namespace lockstep {

class Evaluator {
 public:
  // All are borrowed. A step of `loader` is one micro-batch a rank.
  Evaluator(DataLoader& loader, Transformer& transformer,
            DataParallel& data_parallel)
      : loader_(loader),
        transformer_(transformer),
        data_parallel_(data_parallel) {}

  // One pass; the sums over all ranks. Every rank calls it.
  absl::StatusOr<StepSums> Run();

  // Micro-batches that a rank goes through in one pass.
  int64_t batches() const { return loader_.steps_per_epoch(); }

 private:
  DataLoader& loader_;
  Transformer& transformer_;
  DataParallel& data_parallel_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_EVALUATOR_H_
