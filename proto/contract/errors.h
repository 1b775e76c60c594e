#ifndef LOCKSTEP_PROTO_CONTRACT_ERRORS_H_
#define LOCKSTEP_PROTO_CONTRACT_ERRORS_H_

// The errors that users and workers meet: an absl::Status that carries, as a
// payload, the reason and details which travel in grpc-status-details-bin.
// grpc_status.h does the crossing.

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lockstep {

// One bad field of a request.
struct FieldViolation {
  std::string field;        // "train.learning_rate"
  std::string description;  // The value and what is allowed.

  friend bool operator==(const FieldViolation&,
                         const FieldViolation&) = default;
};

namespace errors {

// Any error: `reason` is UPPER_SNAKE and stable; `metadata` holds the values
// behind the message.
absl::Status Error(absl::StatusCode code, absl::string_view reason,
                   absl::string_view message,
                   const std::map<std::string, std::string>& metadata = {});

absl::Status JobNotFound(absl::string_view name);
absl::Status CheckpointNotFound(absl::string_view name);
absl::Status InvalidName(absl::string_view name);
absl::Status JobExists(absl::string_view name);
absl::Status RequestIdReused(absl::string_view request_id);
absl::Status EtagMismatch(absl::string_view name, absl::string_view given,
                          absl::string_view stored);
absl::Status QueueNotFound(absl::string_view name);
absl::Status InvalidPageToken(absl::string_view token);
absl::Status InvalidResumeToken(absl::string_view token);
absl::Status AttemptSuperseded(absl::string_view job, int attempt);
absl::Status StoreUnavailable(absl::string_view why);
absl::Status Draining();
absl::Status NotJobOwner(absl::string_view name, absl::string_view owner,
                         absl::string_view caller);
absl::Status TokenMissing();
absl::Status TokenInvalid();

// INVALID_ARGUMENT, INVALID_SPEC, with all bad fields as BadRequest. Needs at
// least one violation.
absl::Status InvalidSpec(const std::vector<FieldViolation>& violations);
// INVALID_ARGUMENT, INVALID_QUEUE, likewise.
absl::Status InvalidQueue(const std::vector<FieldViolation>& violations);

}  // namespace errors

// The reason of an error made here or received from a server; empty when it has
// none.
std::string ErrorReason(const absl::Status& status);

// The bad fields of an InvalidSpec; empty for other errors.
std::vector<FieldViolation> ErrorViolations(const absl::Status& status);

// The id that the call which failed has in the log of the server; empty of an
// error that no server has given.
std::string RequestIdOf(const absl::Status& status);
void SetRequestId(absl::string_view id, absl::Status& status);

// Where the details lie in an absl::Status: a serialized google.rpc.Status.
inline constexpr char kErrorDetailsUrl[] =
    "type.googleapis.com/google.rpc.Status";

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_ERRORS_H_
