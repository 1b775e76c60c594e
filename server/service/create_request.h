#ifndef LOCKSTEP_SERVER_SERVICE_CREATE_REQUEST_H_
#define LOCKSTEP_SERVER_SERVICE_CREATE_REQUEST_H_

// Checks a CreateJobRequest and makes it what the scheduler accepts: ids are
// good, defaults filled in, `auto` decided, the spec valid. Touches nothing.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lockstep/v1/cluster_service.pb.h"
#include "lockstep/v1/job_service.pb.h"
#include "server/scheduler/scheduler.h"

namespace lockstep {

// INVALID_ARGUMENT: INVALID_REQUEST_ID, INVALID_JOB_ID, INVALID_SPEC with all
// bad fields.
absl::StatusOr<Scheduler::CreateJob> ResolveCreateRequest(
    v1::CreateJobRequest request, std::string owner,
    const std::vector<v1::Node>& nodes);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_CREATE_REQUEST_H_
