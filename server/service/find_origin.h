#ifndef LOCKSTEP_SERVER_SERVICE_FIND_ORIGIN_H_
#define LOCKSTEP_SERVER_SERVICE_FIND_ORIGIN_H_

// Where a new job goes on from: the checkpoint of another one that its spec
// names. Compares what the coordinator knows of both, the specs; whether the
// files are what they were the ranks find out.

#include <optional>

#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "server/store/job_store.h"

namespace lockstep {

// None when the spec, which has its defaults, names none. NOT_FOUND:
// JOB_NOT_FOUND, CHECKPOINT_NOT_FOUND. FAILED_PRECONDITION: JOB_NOT_ENDED;
// ANOTHER_RUN; INEXACT_RESUME, unless checkpoint.inexact is set. The last two
// name each field that differs and both values.
absl::StatusOr<std::optional<v1::Checkpoint>> FindOrigin(
    const JobStore& store, const v1::JobSpec& spec);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_FIND_ORIGIN_H_
