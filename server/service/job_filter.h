#ifndef LOCKSTEP_SERVER_SERVICE_JOB_FILTER_H_
#define LOCKSTEP_SERVER_SERVICE_JOB_FILTER_H_

// ListJobsRequest.filter: the subset of AIP-160 that job_service.proto
// describes, as a predicate.

#include <functional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {

using JobPredicate = std::function<bool(const v1::Job&)>;

// Not set for an empty filter: all jobs. INVALID_ARGUMENT: INVALID_FILTER, with
// the column, what stands there and what is allowed.
absl::StatusOr<JobPredicate> ParseJobFilter(absl::string_view filter);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_JOB_FILTER_H_
