#ifndef LOCKSTEP_SERVER_SERVICE_UPDATE_REQUEST_H_
#define LOCKSTEP_SERVER_SERVICE_UPDATE_REQUEST_H_

// Checks the request of an update and makes it what the scheduler accepts.
// Touches nothing.

#include "absl/status/statusor.h"
#include "lockstep/v1/cluster_service.pb.h"
#include "lockstep/v1/job_service.pb.h"
#include "proto/contract/resource_name.h"
#include "server/scheduler/scheduler.h"

namespace lockstep {

// INVALID_ARGUMENT: INVALID_NAME, INVALID_UPDATE_MASK.
absl::StatusOr<Scheduler::UpdateJob> ResolveUpdateRequest(
    const v1::UpdateJobRequest& request);

// INVALID_ARGUMENT: INVALID_QUEUE, INVALID_UPDATE_MASK.
absl::StatusOr<Scheduler::QueueUpdate> ResolveUpdateRequest(
    const v1::UpdateQueueRequest& request);

// As of a job. Which checkpoint is meant.
absl::StatusOr<CheckpointRef> ResolveUpdateRequest(
    const v1::UpdateCheckpointRequest& request);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_UPDATE_REQUEST_H_
