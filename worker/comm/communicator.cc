#include "worker/comm/communicator.h"

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "proto/contract/end_cause.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"

namespace lockstep {

absl::Status Communicator::BeginAllReduceSum(const at::Tensor& buffer) {
  at::Tensor same = buffer;
  return AllReduceSum(same);
}

absl::StatusOr<std::vector<at::Tensor>> Communicator::AllGather(
    const at::Tensor& input) {
  std::vector<int64_t> shape = input.sizes().vec();
  shape.insert(shape.begin(), world_size());
  const at::Tensor all = at::empty(shape, input.options());
  RETURN_IF_ERROR(BeginAllGather(input, all));
  RETURN_IF_ERROR(FinishBegun());
  return all.unbind();
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
