#ifndef LOCKSTEP_PROTO_CONTRACT_GRPC_STATUS_H_
#define LOCKSTEP_PROTO_CONTRACT_GRPC_STATUS_H_

// Where absl::Status meets gRPC: called at the edge of a service and of a
// client, and nowhere else.

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace lockstep {

// Every non-OK result carries an ErrorInfo in its details; an error that has no
// reason of its own gets the name of its code.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Keeps code, message and details.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_GRPC_STATUS_H_
