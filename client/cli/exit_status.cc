#include "client/cli/exit_status.h"

#include "proto/contract/errors.h"

namespace lockstep::cli {

ExitStatus ExitStatusOf(const absl::Status& status) {
  // The coordinator answers, and its state does not permit it.
  if (ErrorReason(status) == "DRAINING") return ExitStatus::kConflict;
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitStatus::kSuccess;
    case absl::StatusCode::kInvalidArgument:
      return ExitStatus::kUsage;
    case absl::StatusCode::kNotFound:
      return ExitStatus::kNotFound;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return ExitStatus::kNotAllowed;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return ExitStatus::kUnreachable;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
      return ExitStatus::kConflict;
    case absl::StatusCode::kCancelled:
      return ExitStatus::kInterrupted;
    default:
      return ExitStatus::kFailed;
  }
}

}  // namespace lockstep::cli
