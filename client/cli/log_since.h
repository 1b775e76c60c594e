#ifndef LOCKSTEP_CLIENT_CLI_LOG_SINCE_H_
#define LOCKSTEP_CLIENT_CLI_LOG_SINCE_H_

// lockstep logs --since: what it asks for, and logs that cannot answer.

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/job_client.h"
#include "lockstep/v1/job_service.pb.h"

namespace lockstep::cli {

// A moment, or how long before `now` it was.
absl::StatusOr<absl::Time> ParseSince(const std::string& text, absl::Time now);

// What is to be told about a log whose newest lines begin with no time; empty
// of others, of one that is empty or not there, and when `request` does not ask
// since when.
absl::StatusOr<std::string> UntimedNote(v1::StreamLogsRequest request,
                                        JobClient& client);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_LOG_SINCE_H_
