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
#include "worker/model/input_rows.h"
#include "worker/model/model_config.h"
#include "worker/model/parameters.h"
#include "worker/model/weights.h"
#include "worker/train/gradient_buckets.h"
#include "worker/train/step_sums.h"

namespace lockstep {

struct DataParallelOptions {
  int64_t least_bucket_floats = kLeastBucketFloats;
  // Those that the last pass of a step leaves apart, if it does.
  InputRows input_rows;
  // Whether the embedding's gradient has more than those rows: of a head that
  // is the embedding, or of earlier passes of the step.
  bool more_than_input_rows = true;
};

// Of steps of so many micro-batches, whose last pass leaves `input_rows` apart.
DataParallelOptions ReducesOf(const ModelConfig& config,
                              const InputRows& input_rows,
                              int64_t micro_batches);

// It listens to the last backward pass of a step, to send what is final while
// the rest is computed. A rank whose last micro-batch has no such pass sends
// the same in the same order when it comes to Reduce.
class DataParallel : public BackwardListener {
 public:
  // Both are borrowed.
  DataParallel(Communicator& communicator, Parameters& parameters,
               const DataParallelOptions& options = {});

  int rank() const { return communicator_.rank(); }
  int world_size() const { return communicator_.world_size(); }

  // Begins to sum the buckets that are final after `stage`; their gradients
  // are not to be touched before Reduce returns.
  absl::Status Passed(int64_t stage) override;
  // Begins to gather the input rows, which are not to be touched either.
  absl::Status PassedInput() override;

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
  // Joins the others where this rank's last micro-batch had no backward pass.
  absl::Status JoinWithoutPass();
  // Those of all ranks, by rank, to the sum of the rest.
  absl::Status AddInputRows();

  Communicator& communicator_;
  Parameters& parameters_;
  const InputRows input_rows_;
  const std::vector<GradientBucket> buckets_;
  // Of buckets_, those whose sums were begun in this step.
  size_t begun_ = 0;
  // Whether those of input_rows_ are on their way.
  bool gathering_ = false;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_DATA_PARALLEL_H_
