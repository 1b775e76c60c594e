#include "worker/prepare/job_error.h"

#include <string>

#include "proto/contract/end_cause.h"
#include "proto/contract/errors.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/printable.h"

namespace lockstep {
namespace {

v1::Attempt::EndCause CauseOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      return v1::Attempt::STORAGE_FULL;
    case absl::StatusCode::kFailedPrecondition:
      // The files are good; the spec asks for what does not go with them.
      return v1::Attempt::USER_ERROR;
    case absl::StatusCode::kAborted:
      return v1::Attempt::INPUT_CHANGED;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      return v1::Attempt::WORKER_CRASH;
    default:
      return v1::Attempt::INVALID_INPUT;
  }
}

}  // namespace

v1::JobError ToJobError(const absl::Status& status) {
  v1::JobError error;
  const std::string reason = ErrorReason(status);
  error.set_reason(reason.empty() ? std::string(EndCauseName(CauseOf(status)))
                                  : reason);
  error.set_message(Printable(status.message()));
  return error;
}

int ExitCodeOfInput(const absl::Status& status) {
  switch (CauseOf(status)) {
    case v1::Attempt::STORAGE_FULL:
      return kStorageFull;
    case v1::Attempt::USER_ERROR:
      return kUserError;
    case v1::Attempt::INVALID_INPUT:
      return kInvalidInput;
    case v1::Attempt::INPUT_CHANGED:
      return kInputChanged;
    default:
      return kFailure;
  }
}

int ExitCodeOfReport(const absl::Status& status) {
  if (absl::IsUnavailable(status)) return kCoordinatorLost;
  if (ErrorReason(status) == "ATTEMPT_SUPERSEDED" ||
      absl::IsUnauthenticated(status)) {
    return kSuperseded;
  }
  return kFailure;
}

}  // namespace lockstep
