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
#include "worker/train/step_sums.h"

namespace lockstep {

class DataParallel {
 public:
  // Both are borrowed.
  DataParallel(Communicator& communicator, Parameters& parameters)
      : communicator_(communicator), parameters_(parameters) {}

  int rank() const { return communicator_.rank(); }
  int world_size() const { return communicator_.world_size(); }

  // The one collective of an optimizer step: replaces the gradients by their
  // sum over the ranks, and returns the sum of `mine`.
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
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_DATA_PARALLEL_H_
