#ifndef LOCKSTEP_PROTO_CONTRACT_END_CAUSE_H_
#define LOCKSTEP_PROTO_CONTRACT_END_CAUSE_H_

// What follows from the way an attempt ended: two total maps.

#include "absl/strings/string_view.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {

// The job's next state. QUEUED means another attempt; the scheduler turns it
// into FAILED when the restarts are used up.
v1::Job::State NextJobState(v1::Attempt::EndCause cause);

// Whether the end uses up one of max_restarts. Ends that somebody asked for, or
// that are the cluster's fault, do not.
bool CountsAgainstMaxRestarts(v1::Attempt::EndCause cause);

// "WORKER_CRASH".
absl::string_view EndCauseName(v1::Attempt::EndCause cause);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_END_CAUSE_H_
