#include "worker/train/rank_end.h"

#include <string>

#include "proto/contract/end_cause.h"
#include "proto/contract/errors.h"

namespace lockstep {
namespace {

constexpr char kSupersededReason[] = "ATTEMPT_SUPERSEDED";

ExitCode ExitCodeOf(v1::Attempt::EndCause cause) {
  switch (cause) {
    case v1::Attempt::INVALID_INPUT:
      return kInvalidInput;
    case v1::Attempt::USER_ERROR:
      return kUserError;
    case v1::Attempt::INPUT_CHANGED:
      return kInputChanged;
    case v1::Attempt::STORAGE_FULL:
      return kStorageFull;
    case v1::Attempt::NOT_FINITE:
      return kNotFinite;
    case v1::Attempt::HOST_OUT_OF_MEMORY:
      return kOutOfMemory;
    case v1::Attempt::LOST:
      return kCoordinatorLost;
    default:
      return kFailure;
  }
}

RankEnd Because(v1::Attempt::EndCause cause) {
  return {ExitCodeOf(cause), cause};
}

}  // namespace

absl::Status WithCause(v1::Attempt::EndCause cause,
                       const absl::Status& status) {
  if (status.ok() || !ErrorReason(status).empty()) return status;
  return errors::Error(status.code(), EndCauseName(cause), status.message());
}

absl::Status FromCoordinator(const absl::Status& status) {
  if (absl::IsFailedPrecondition(status)) {
    return errors::Error(status.code(), kSupersededReason, status.message());
  }
  // A deadline with a reason is the coordinator's own: of a rendezvous.
  if (absl::IsUnavailable(status) ||
      (absl::IsDeadlineExceeded(status) && ErrorReason(status).empty())) {
    return errors::Error(status.code(), EndCauseName(v1::Attempt::LOST),
                         status.message());
  }
  return status;
}

RankEnd EndOfRank(const absl::Status& error) {
  const std::string reason = ErrorReason(error);
  if (reason == kSupersededReason || absl::IsUnauthenticated(error)) {
    return {kSuperseded, v1::Attempt::END_CAUSE_UNSPECIFIED};
  }
  v1::Attempt::EndCause cause;
  if (v1::Attempt::EndCause_Parse(reason, &cause)) return Because(cause);
  switch (error.code()) {
    case absl::StatusCode::kUnavailable:
      // Of a collective; the coordinator's are marked.
      return {kPeerLost, v1::Attempt::END_CAUSE_UNSPECIFIED};
    case absl::StatusCode::kResourceExhausted:
      return Because(v1::Attempt::STORAGE_FULL);
    default:
      return Because(v1::Attempt::WORKER_CRASH);
  }
}

}  // namespace lockstep
