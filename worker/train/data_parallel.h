#ifndef LOCKSTEP_WORKER_TRAIN_DATA_PARALLEL_H_
#define LOCKSTEP_WORKER_TRAIN_DATA_PARALLEL_H_

// What ranks that train the same parameters on different data do together. All
// ranks call the same functions in the same order, also one that had nothing
// to learn from: it adds zeros.
//
// Used by the trainer's thread.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/comm/communicator.h"
#include "worker/model/parameters.h"
#include "worker/model/weights.h"
#include "worker/train/gradient_buckets.h"
#include "worker/train/step_sums.h"

namespace lockstep {

// It listens to the last backward pass of a step, to send what is final while
// the rest is computed. A rank whose last micro-batch has no such pass sends
// the same buckets in the same order when it comes to Reduce.
class DataParallel : public BackwardListener {
 public:
  // Both are borrowed.
  DataParallel(Communicator& communicator, Parameters& parameters,
               int64_t least_bucket_floats = kLeastBucketFloats)
      : communicator_(communicator),
        parameters_(parameters),
        buckets_(GradientBuckets(parameters.list(), least_bucket_floats)) {}

  int rank() const { return communicator_.rank(); }
  int world_size() const { return communicator_.world_size(); }

  // Begins to sum the buckets that are final after `block`; their gradients
  // are not to be touched before Reduce returns.
  absl::Status Passed(int64_t block) override;

  // Once an optimizer step: replaces the gradients by their sum over the ranks,
  // and returns the sum of `mine`.
  absl::StatusOr<StepSums> Reduce(const StepSums& mine);

  // The sum of `mine` alone, without gradients.
  absl::StatusOr<StepSums> ReduceSums(const StepSums& mine);

  // All ranks must hold the same bits. The error, the same on all ranks, names
  // those that differ from rank 0: something wrote where it should not, or
  // computed what it should not, and no checkpoint may be made of it.
  absl::Status CheckReplicas() const;

  // Gives every rank the `bytes` of rank 0.
  absl::Status Broadcast(std::string* bytes);
  // Gives every rank the content of rank 0's `buffers`, of equal shapes.
  absl::Status Broadcast(std::vector<at::Tensor> buffers);

  // Returns when every rank has come here.
  absl::Status Barrier() { return communicator_.Barrier(); }

 private:
  Communicator& communicator_;
  Parameters& parameters_;
  const std::vector<GradientBucket> buckets_;
  // Of buckets_, those whose sums were begun in this step.
  size_t begun_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_DATA_PARALLEL_H_
