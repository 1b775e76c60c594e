#ifndef LOCKSTEP_SERVER_SERVICE_CALLER_CHECK_H_
#define LOCKSTEP_SERVER_SERVICE_CALLER_CHECK_H_

// Whether a worker is who it says, and one that this coordinator understands.

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "server/service/access.h"

namespace lockstep {

// FAILED_PRECONDITION: ATTEMPT_SUPERSEDED unless the token is that of the
// attempt in `caller`.
absl::Status CheckCaller(const Principal& principal,
                         const worker::v1::Caller& caller);

// FAILED_PRECONDITION, VERSION_MISMATCH (proto/contract/worker_version.h). For
// the calls with which a process begins: one that was let in stays.
absl::Status CheckVersion(const grpc::CallbackServerContext& context);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_CALLER_CHECK_H_
