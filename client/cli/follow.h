#ifndef LOCKSTEP_CLIENT_CLI_FOLLOW_H_
#define LOCKSTEP_CLIENT_CLI_FOLLOW_H_

// Watching one job to its end, as `submit --wait|--follow`, `wait` and `run`
// do.

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/command_context.h"
#include "client/job_client.h"

namespace lockstep::cli {

// What happens to the job, in a line: "running attempt 1 on 2 ranks".
std::string PhaseLine(const v1::Job& job);

struct FollowOptions {
  // Show phases and progress on stderr.
  bool show = true;
  absl::Duration timeout = absl::InfiniteDuration();
  // Called on Ctrl-C, before the watch ends.
  std::function<void()> on_interrupt;
};

// The ended job. CANCELLED: interrupted; DEADLINE_EXCEEDED: timeout. The client
// makes no further calls after either.
absl::StatusOr<v1::Job> FollowJob(const CommandContext& context,
                                  JobClient& client, const std::string& id,
                                  const FollowOptions& options);

// Says how the job ended and returns the exit status for it. `hint` says where
// to look when it failed.
ExitStatus ReportEnd(const CommandContext& context, const v1::Job& job,
                     const std::string& hint);

// FollowJob and ReportEnd; on Ctrl-C the job goes on, and how to look at it
// again is printed.
ExitStatus FollowAndReport(const CommandContext& context, JobClient& client,
                           const std::string& id, const FollowOptions& options);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_FOLLOW_H_
