#include "worker/command_result.h"

#include <iostream>

#include "proto/contract/exit_code.h"

namespace lockstep {

int CommandResult(absl::string_view command, const absl::Status& status) {
  if (status.ok()) return kOk;
  std::cerr << "lockstep-worker " << command << ": " << status.message()
            << "\n";
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kFailedPrecondition:
      return kInvalidInput;
    case absl::StatusCode::kResourceExhausted:
      return kStorageFull;
    default:
      return kFailure;
  }
}

}  // namespace lockstep
