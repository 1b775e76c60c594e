#ifndef LOCKSTEP_SERVER_SERVICE_CALL_LOG_H_
#define LOCKSTEP_SERVER_SERVICE_CALL_LOG_H_

// A log entry for the calls that an operator asks about afterwards: those of
// users that change something, and any that ends as it never should. Who reads,
// and the reports of ranks, are counted in the metrics alone.

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "proto/contract/trace_context.h"

namespace lockstep {

// Whose call it is, by its metadata.
struct CallTags {
  std::string request_id;  // The client's or ours.
  std::string trace_id;    // Empty without a valid traceparent.
  std::string parent_id;
  std::string traceparent;  // As it came, where it is valid.
  std::string peer;
  std::string principal;  // Empty for whom nobody knows.
};

CallTags TagsOf(const grpc::CallbackServerContext& context);

// Whether a call gets an entry.
bool IsLogged(absl::string_view method, absl::StatusCode code);

void LogCall(absl::string_view method, const CallTags& tags,
             const absl::Status& status, absl::Duration took);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_CALL_LOG_H_
