#ifndef LOCKSTEP_PROTO_CONTRACT_JOB_STATE_H_
#define LOCKSTEP_PROTO_CONTRACT_JOB_STATE_H_

// The legal transitions of a job, as one table.

#include "absl/strings/string_view.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {

// SUCCEEDED, FAILED and CANCELLED: nothing changes any more.
bool IsTerminal(v1::Job::State state);

// Something of it runs: its prepare, or an attempt.
bool IsActive(v1::Job::State state);

// Whether a job may go from one state to another. A state is not its own
// successor.
bool CanTransition(v1::Job::State from, v1::Job::State to);

// "RUNNING".
absl::string_view StateName(v1::Job::State state);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_JOB_STATE_H_
