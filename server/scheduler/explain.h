#ifndef LOCKSTEP_SERVER_SCHEDULER_EXPLAIN_H_
#define LOCKSTEP_SERVER_SCHEDULER_EXPLAIN_H_

// Why a job is where it is: the answer of ExplainJob, from the scheduler's
// state at one moment. Pure. It costs a walk along the line of jobs that wait.

#include "absl/time/time.h"
#include "lockstep/v1/job_service.pb.h"
#include "server/scheduler/scheduler_state.h"

namespace lockstep {

// `entry` is one of the state's; `now` is Clock::Now, `wall` the same moment.
v1::JobExplanation Explain(const SchedulerState& state, const JobEntry& entry,
                           absl::Duration now, absl::Time wall);

// explain_words.cc: the explanation, complete but for its message, as
// sentences.
std::string ExplainInWords(const SchedulerState& state, const JobEntry& entry,
                           const v1::JobExplanation& explanation);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_EXPLAIN_H_
