#include "worker/data/data_loader.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/check.h"
#include "proto/contract/status_macros.h"
#include "worker/data/permutation.h"

namespace lockstep {
namespace {

absl::Status CheckOptions(const DataLoaderOptions& options) {
  if (options.per_device_batch < 1 || options.accumulation < 1 ||
      options.world_size < 1 || options.rank < 0 ||
      options.rank >= options.world_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "data loader: batch ", options.per_device_batch, ", accumulation ",
        options.accumulation, ", rank ", options.rank, " of ",
        options.world_size, ": all must be positive and rank < world size"));
  }
  return absl::OkStatus();
}

void AppendDocument(const Document& document, MicroBatch& batch) {
  const size_t length = document.ids.size();
  for (size_t i = 0; i < length; ++i) {
    const bool learned = i + 1 < length && document.trained[i + 1] != 0;
    batch.ids.push_back(document.ids[i]);
    batch.labels.push_back(learned ? document.ids[i + 1] : -1);
    batch.position_ids.push_back(static_cast<int32_t>(i));
    batch.trained_tokens += learned ? 1 : 0;
  }
  batch.tokens += static_cast<int64_t>(length);
  batch.cu_seqlens.push_back(static_cast<int32_t>(batch.tokens));
}

}  // namespace

absl::StatusOr<DataLoader> DataLoader::Create(
    const TokenCache* cache, const DataLoaderOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  if (cache->num_documents() == 0) {
    return absl::InvalidArgumentError("the token cache holds no document");
  }
  for (int64_t i = 0; i < cache->num_documents(); ++i) {
    if (cache->DocumentLength(i) > options.max_length) {
      return absl::InvalidArgumentError(absl::StrCat(
          "document ", i, " of the token cache has ", cache->DocumentLength(i),
          " tokens; max_length is ", options.max_length));
    }
  }
  return DataLoader(cache, options);
}

DataLoader::DataLoader(const TokenCache* cache,
                       const DataLoaderOptions& options)
    : cache_(cache), options_(options) {
  lengths_.reserve(static_cast<size_t>(cache->num_documents()));
  for (int64_t i = 0; i < cache->num_documents(); ++i) {
    lengths_.push_back(cache->DocumentLength(i));
  }
  bins_per_epoch_ = static_cast<int64_t>(Epoch(0).size());
}

int64_t DataLoader::bins_per_step() const {
  return options_.per_device_batch * options_.accumulation *
         options_.world_size;
}

int64_t DataLoader::steps_per_epoch() const {
  return (bins_per_epoch_ + bins_per_step() - 1) / bins_per_step();
}

std::vector<int64_t> DataLoader::BinIndexes(int64_t step_in_epoch,
                                            int64_t micro_step) const {
  const int64_t first =
      step_in_epoch * bins_per_step() +
      micro_step * options_.per_device_batch * options_.world_size;
  std::vector<int64_t> indexes;
  for (int64_t slot = 0; slot < options_.per_device_batch; ++slot) {
    const int64_t index = first + slot * options_.world_size + options_.rank;
    if (index < bins_per_epoch_) indexes.push_back(index);
  }
  return indexes;
}

absl::StatusOr<MicroBatch> DataLoader::Load(int64_t epoch,
                                            int64_t step_in_epoch,
                                            int64_t micro_step) {
  LOCKSTEP_CHECK(step_in_epoch >= 0 && step_in_epoch < steps_per_epoch());
  LOCKSTEP_CHECK(micro_step >= 0 && micro_step < options_.accumulation);
  const std::vector<Bin>& bins = Epoch(epoch);
  MicroBatch batch;
  for (const int64_t index : BinIndexes(step_in_epoch, micro_step)) {
    if (epoch == begun_epoch_ && index < seen_bins_) continue;
    for (const int64_t document : bins[index].documents) {
      ASSIGN_OR_RETURN(const Document content, cache_->Read(document));
      AppendDocument(content, batch);
    }
    ++batch.bins;
  }
  return batch;
}

int64_t DataLoader::GoOnBehind(int64_t epoch, int64_t bins) {
  LOCKSTEP_CHECK(epoch >= 0 && bins >= 0);
  if (bins >= bins_per_epoch_) return GoOnBehind(epoch + 1, 0);
  begun_epoch_ = epoch;
  seen_bins_ = bins;
  return epoch * steps_per_epoch() + bins / bins_per_step();
}

const std::vector<Bin>& DataLoader::Epoch(int64_t epoch) {
  if (planned_epoch_ != epoch) {
    epoch_bins_ = PlanEpoch(epoch);
    planned_epoch_ = epoch;
  }
  return epoch_bins_;
}

std::vector<Bin> DataLoader::PlanEpoch(int64_t epoch) const {
  const int64_t documents = cache_->num_documents();
  std::vector<int64_t> order(static_cast<size_t>(documents));
  if (options_.shuffle) {
    order = Permutation(documents, options_.seed, epoch,
                        PermutationStream::kDocuments);
  } else {
    std::iota(order.begin(), order.end(), int64_t{0});
  }
  std::vector<Bin> bins =
      PackDocuments(lengths_, options_.packing, options_.max_length, order);
  if (!options_.shuffle || options_.packing != v1::DataSpec::PACKING_BFD) {
    return bins;
  }
  // Bins with many short documents come first in `order`: shuffle them too.
  std::vector<Bin> shuffled;
  shuffled.reserve(bins.size());
  for (const int64_t bin :
       Permutation(static_cast<int64_t>(bins.size()), options_.seed, epoch,
                   PermutationStream::kBins)) {
    shuffled.push_back(std::move(bins[bin]));
  }
  return shuffled;
}

int64_t DataLoader::max_micro_batch_tokens() const {
  if (options_.packing == v1::DataSpec::PACKING_BFD) {
    return options_.per_device_batch * options_.max_length;
  }
  std::vector<int64_t> longest = lengths_;
  const auto count = std::min<int64_t>(options_.per_device_batch,
                                       static_cast<int64_t>(longest.size()));
  std::partial_sort(longest.begin(), longest.begin() + count, longest.end(),
                    std::greater<int64_t>());
  return std::accumulate(longest.begin(), longest.begin() + count, int64_t{0});
}

}  // namespace lockstep
