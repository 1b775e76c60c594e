#ifndef LOCKSTEP_WORKER_DATA_DATA_LOADER_H_
#define LOCKSTEP_WORKER_DATA_DATA_LOADER_H_

// What each rank learns from in each micro-step. An epoch is an ordered list
// of bins over (seed, epoch); an optimizer step takes the next
// per_device_batch x accumulation x world_size of them and deals them
// round-robin, slot by slot and micro-step by micro-step. So how a step is
// split over ranks and micro-steps does not change what is learned in it.
//
// The last step of an epoch may find fewer bins: some micro-batches are then
// empty, and their ranks still join the collectives.
//
// Not thread-safe; the cache may be shared.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "worker/data/packing.h"
#include "worker/data/token_cache.h"

namespace lockstep {

struct DataLoaderOptions {
  v1::DataSpec::Packing packing = v1::DataSpec::PACKING_NONE;
  // Most tokens of a bin; longer documents are refused.
  int64_t max_length = 1024;
  // Without it, documents keep the order of the files.
  bool shuffle = true;
  uint64_t seed = 42;
  // Bins a micro-batch.
  int64_t per_device_batch = 8;
  // Micro-batches a step.
  int64_t accumulation = 1;
  int64_t world_size = 1;
  int64_t rank = 0;
};

// Documents laid end to end, without padding.
struct MicroBatch {
  std::vector<int32_t> ids;
  // ids[i + 1] where that token is of the same document and trained; else -1.
  std::vector<int32_t> labels;
  // Position in the document, from 0.
  std::vector<int32_t> position_ids;
  // Where documents begin; ends in the number of tokens.
  std::vector<int32_t> cu_seqlens = {0};
  int64_t tokens = 0;
  // Labels that are not -1.
  int64_t trained_tokens = 0;
  // Bins (rows, when not packing), for the count of samples.
  int64_t bins = 0;
};

class DataLoader {
 public:
  // `cache` is borrowed. INVALID_ARGUMENT: an empty cache, a document longer
  // than max_length, or options out of range.
  static absl::StatusOr<DataLoader> Create(const TokenCache* cache,
                                           const DataLoaderOptions& options);

  int64_t bins_per_epoch() const { return bins_per_epoch_; }
  int64_t bins_per_step() const;
  int64_t steps_per_epoch() const;

  // The bins of this rank in one micro-step; indexes into the epoch's order.
  // step_in_epoch < steps_per_epoch(), micro_step < accumulation.
  std::vector<int64_t> BinIndexes(int64_t step_in_epoch,
                                  int64_t micro_step) const;

  // Reads one micro-batch of this rank. An error is the cache's.
  absl::StatusOr<MicroBatch> Load(int64_t epoch, int64_t step_in_epoch,
                                  int64_t micro_step);

  // The run goes on behind another one of the same order, on whatever ranks: it
  // had seen all epochs before `epoch`, and the first `bins` bins of that.
  // Those are not loaded again. Returns the step to do next, counted from the
  // beginning; it has fewer bins when the other's steps ended within it.
  int64_t GoOnBehind(int64_t epoch, int64_t bins);

  // Order of the bins in one epoch; kept for the epoch asked for last.
  const std::vector<Bin>& Epoch(int64_t epoch);

  // Most tokens that any micro-batch of any rank can hold.
  int64_t max_micro_batch_tokens() const;

 private:
  DataLoader(const TokenCache* cache, const DataLoaderOptions& options);
  std::vector<Bin> PlanEpoch(int64_t epoch) const;

  const TokenCache* cache_;
  DataLoaderOptions options_;
  std::vector<int64_t> lengths_;
  int64_t bins_per_epoch_ = 0;
  int64_t planned_epoch_ = -1;
  // The first bins of an epoch that another run has seen.
  int64_t begun_epoch_ = -1;
  int64_t seen_bins_ = 0;
  std::vector<Bin> epoch_bins_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_DATA_DATA_LOADER_H_
