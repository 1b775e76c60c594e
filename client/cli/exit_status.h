#ifndef LOCKSTEP_CLIENT_CLI_EXIT_STATUS_H_
#define LOCKSTEP_CLIENT_CLI_EXIT_STATUS_H_

// The exit codes of `lockstep`; help_topics.cc says them in words.

#include "absl/status/status.h"

namespace lockstep::cli {

enum class ExitStatus : int {
  kSuccess = 0,
  kFailed = 1,       // The operation failed.
  kUsage = 2,        // Flags or the job file are wrong.
  kNotFound = 3,     // No such job.
  kNotAllowed = 4,   // Token missing, wrong, or not allowed to.
  kUnreachable = 5,  // The coordinator does not answer.
  kConflict = 6,     // The state of things does not permit it.
  kJobFailed = 10,   // The job that was waited for FAILED.
  kJobCancelled = 11,
  kTimedOut = 12,  // The wait ended, the job goes on.
  kInterrupted = 130,
};

// For the error of a call.
ExitStatus ExitStatusOf(const absl::Status& status);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_EXIT_STATUS_H_
