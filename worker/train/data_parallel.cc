#include "worker/train/data_parallel.h"

#include <ATen/ATen.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/status_macros.h"
#include "worker/io/sha256.h"
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

}  // namespace

absl::Status DataParallel::Passed(int64_t block) {
  for (; begun_ < buckets_.size(); ++begun_) {
    const GradientBucket& bucket = buckets_[begun_];
    if (bucket.final_after < block) break;
    RETURN_IF_ERROR(
        communicator_.BeginAllReduceSum(parameters_.gradients_and_tail().narrow(
            0, bucket.begin, bucket.end - bucket.begin)));
  }
  return absl::OkStatus();
}

absl::StatusOr<StepSums> DataParallel::Reduce(const StepSums& mine) {
  mine.Store(parameters_.tail());
  RETURN_IF_ERROR(Passed(Parameter::kWholePass));
  RETURN_IF_ERROR(communicator_.FinishAllReduces());
  begun_ = 0;
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
