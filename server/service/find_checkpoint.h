#ifndef LOCKSTEP_SERVER_SERVICE_FIND_CHECKPOINT_H_
#define LOCKSTEP_SERVER_SERVICE_FIND_CHECKPOINT_H_

// A listed checkpoint by its name.

#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "proto/contract/resource_name.h"
#include "server/store/job_store.h"

namespace lockstep {

// NOT_FOUND: JOB_NOT_FOUND, CHECKPOINT_NOT_FOUND.
absl::StatusOr<v1::Checkpoint> FindCheckpoint(const JobStore& store,
                                              const CheckpointRef& ref);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_FIND_CHECKPOINT_H_
