#ifndef LOCKSTEP_SERVER_SCHEDULER_RETRY_POLICY_H_
#define LOCKSTEP_SERVER_SCHEDULER_RETRY_POLICY_H_

// Whether a job whose attempt failed gets another, and when. Pure.
//
// spec.max_restarts bounds the failures since the job last got further: an
// attempt that left a new checkpoint restores the budget. Attempts in a row
// that leave none are bounded on their own, so that a job which crashes at the
// same place does not do so for ever.
//
// And however far each one gets: no more than options.starts_per_hour attempts
// that fail begin within an hour.

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "server/scheduler/scheduler_options.h"

namespace lockstep {

struct RetryDecision {
  bool retry = false;
  // Pause before the next attempt.
  absl::Duration backoff;
  // It lasts so long since so many attempts began within an hour.
  bool too_often = false;
  // Why there is no other attempt.
  std::string refusal;
};

// `job`'s newest attempt has just ended with a cause that allows another;
// `newest_step` is its newest checkpoint, `wall` is now.
RetryDecision DecideRetry(const v1::Job& job, int64_t newest_step,
                          absl::Time wall, const SchedulerOptions& options);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_RETRY_POLICY_H_
