#include "proto/contract/grpc_status.h"

#include <string>

#include "absl/strings/cord.h"
#include "proto/contract/errors.h"

namespace lockstep {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const absl::optional<absl::Cord> details =
      status.GetPayload(kErrorDetailsUrl);
  if (!details.has_value()) {
    return ToGrpcStatus(errors::Error(status.code(),
                                      absl::StatusCodeToString(status.code()),
                                      status.message()));
  }
  // The codes of absl and of gRPC are the same numbers by design.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message()), std::string(*details));
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
  if (!status.error_details().empty()) {
    result.SetPayload(kErrorDetailsUrl, absl::Cord(status.error_details()));
  }
  return result;
}

}  // namespace lockstep
