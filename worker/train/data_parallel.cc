#include "worker/train/data_parallel.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/embedding.h"
#include "proto/contract/status_macros.h"
#include "worker/io/sha256.h"
#include "worker/model/backward_stage.h"
#include "worker/model/layout.h"
#include "worker/model/view.h"
#include "worker/train/rank_end.h"

namespace lockstep {
namespace {

at::Tensor DigestOf(const at::Tensor& values) {
  const at::Tensor host = values.cpu();
  Sha256 sha256;
  sha256.Update(host.data_ptr(), host.nbytes());
  const std::string digest = sha256.HexDigest();
  at::Tensor out = at::empty({static_cast<int64_t>(digest.size())}, at::kByte);
  std::memcpy(out.data_ptr(), digest.data(), digest.size());
  return out;
}

// Makes the embedding's gradient final before all others: from the head on
// nothing is added to it but input rows.
void LeaveInputRows(std::vector<Parameter>& list, bool more_than_input_rows) {
  int64_t first = 0;
  for (const Parameter& parameter : list) {
    first = std::max(first, parameter.final_after + 1);
  }
  for (Parameter& parameter : list) {
    if (parameter.name != kEmbeddingName) continue;
    parameter.final_after = more_than_input_rows ? first : kNotSummed;
  }
}

// Of all parameters, when the gradients that are to be summed may be sent.
std::vector<Parameter> Summed(const Parameters& parameters,
                              const DataParallelOptions& options,
                              bool overlaps) {
  std::vector<Parameter> list = parameters.list();
  if (options.input_rows.defined()) {
    LeaveInputRows(list, options.more_than_input_rows);
  }
  if (overlaps) return list;
  for (Parameter& parameter : list) {
    if (parameter.final_after == kNotSummed) continue;
    parameter.final_after = Parameter::kWholePass;
  }
  return list;
}

}  // namespace

DataParallelOptions ReducesOf(const ModelConfig& config,
                              const InputRows& input_rows,
                              int64_t micro_batches) {
  return {
      .input_rows = input_rows,
      .more_than_input_rows = config.tie_word_embeddings || micro_batches > 1};
}

DataParallel::DataParallel(Communicator& communicator, Parameters& parameters,
                           const DataParallelOptions& options)
    : communicator_(communicator),
      parameters_(parameters),
      input_rows_(options.input_rows),
      buckets_(
          GradientBuckets(Summed(parameters, options, communicator.Overlaps()),
                          options.least_bucket_floats)) {}

absl::Status DataParallel::Passed(int64_t stage) {
  for (; begun_ < buckets_.size(); ++begun_) {
    const GradientBucket& bucket = buckets_[begun_];
    if (bucket.final_after < stage) break;
    RETURN_IF_ERROR(
        communicator_.BeginAllReduceSum(parameters_.gradients_and_tail().narrow(
            0, bucket.begin, bucket.end - bucket.begin)));
  }
  return absl::OkStatus();
}

absl::Status DataParallel::PassedInput() {
  gathering_ = true;
  RETURN_IF_ERROR(
      communicator_.BeginAllGather(input_rows_.ids_T, input_rows_.all_ids_RT));
  return communicator_.BeginAllGather(input_rows_.drows_TD,
                                      input_rows_.all_drows_RTD);
}

absl::Status DataParallel::JoinWithoutPass() {
  RETURN_IF_ERROR(Passed(AfterBlock(0)));
  input_rows_.ids_T.fill_(kNoRow);
  return PassedInput();
}

absl::Status DataParallel::AddInputRows() {
  const TensorView embedding = View(parameters_.Gradient(kEmbeddingName));
  for (int rank = 0; rank < world_size(); ++rank) {
    RETURN_IF_ERROR(
        EmbeddingBackward(embedding, View(input_rows_.all_drows_RTD[rank]),
                          input_rows_.all_ids_RT[rank].data_ptr<int32_t>()));
  }
  return absl::OkStatus();
}

absl::StatusOr<StepSums> DataParallel::Reduce(const StepSums& mine) {
  if (input_rows_.defined() && !gathering_) RETURN_IF_ERROR(JoinWithoutPass());
  mine.Store(parameters_.tail());
  RETURN_IF_ERROR(Passed(Parameter::kWholePass));
  RETURN_IF_ERROR(communicator_.FinishBegun());
  if (input_rows_.defined()) RETURN_IF_ERROR(AddInputRows());
  begun_ = 0;
  gathering_ = false;
  return StepSums::Load(parameters_.tail());
}

absl::StatusOr<StepSums> DataParallel::ReduceSums(const StepSums& mine) {
  at::Tensor tail = at::zeros({Parameters::kTailFloats}, at::kFloat);
  mine.Store(tail);
  RETURN_IF_ERROR(communicator_.AllReduceSum(tail));
  return StepSums::Load(tail);
}

absl::Status DataParallel::CheckReplicas() const {
  ASSIGN_OR_RETURN(const std::vector<at::Tensor> digests,
                   communicator_.AllGather(DigestOf(parameters_.values())));
  std::vector<size_t> different;
  for (size_t rank = 1; rank < digests.size(); ++rank) {
    if (!at::equal(digests[rank], digests[0])) different.push_back(rank);
  }
  if (different.empty()) return absl::OkStatus();
  return WithCause(
      v1::Attempt::WORKER_CRASH,
      absl::InternalError(absl::StrCat(
          "the trained weights of rank ", absl::StrJoin(different, ", "),
          " are not those of rank 0; all must be equal bit for bit")));
}

absl::Status DataParallel::Broadcast(std::string* bytes) {
  at::Tensor size = at::full({1}, static_cast<int64_t>(bytes->size()),
                             at::TensorOptions(at::kLong));
  RETURN_IF_ERROR(communicator_.Broadcast(size, /*root=*/0));
  bytes->resize(size.item<int64_t>());
  if (bytes->empty()) return absl::OkStatus();
  at::Tensor content = at::from_blob(bytes->data(), size.item<int64_t>(),
                                     at::TensorOptions(at::kByte));
  return communicator_.Broadcast(content, /*root=*/0);
}

absl::Status DataParallel::Broadcast(std::vector<at::Tensor> buffers) {
  for (at::Tensor& buffer : buffers) {
    RETURN_IF_ERROR(communicator_.Broadcast(buffer, /*root=*/0));
  }
  return absl::OkStatus();
}

}  // namespace lockstep
