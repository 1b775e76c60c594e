#include "worker/comm/communicator.h"

#include "absl/strings/str_cat.h"
#include "proto/contract/end_cause.h"
#include "proto/contract/errors.h"

namespace lockstep {

absl::Status Communicator::BeginAllReduceSum(const at::Tensor& buffer) {
  at::Tensor same = buffer;
  return AllReduceSum(same);
}

absl::Status Communicator::TooLate(absl::Duration timeout,
                                   absl::string_view detail) const {
  return errors::Error(
      absl::StatusCode::kDeadlineExceeded, EndCauseName(v1::Attempt::HANG),
      absl::StrCat("rank ", rank(), " of ", world_size(), " has waited ",
                   absl::FormatDuration(timeout),
                   " for the others, one of which has stopped: ", detail));
}

absl::Status Communicator::AfterAbort(absl::string_view operation) const {
  return absl::UnavailableError(
      absl::StrCat(operation, " of rank ", rank(), " after an abort"));
}

}  // namespace lockstep
