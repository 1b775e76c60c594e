#ifndef LOCKSTEP_SERVER_SERVICE_LIST_JOBS_H_
#define LOCKSTEP_SERVER_SERVICE_LIST_JOBS_H_

// ListJobs: filter, order and pages on top of the store's.

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/v1/job_service.pb.h"
#include "server/store/job_store.h"

namespace lockstep {

// Their goodput is counted up to `now`.
// INVALID_ARGUMENT: INVALID_FILTER, INVALID_ORDER_BY, INVALID_PAGE_TOKEN.
absl::StatusOr<v1::ListJobsResponse> ListJobs(
    const JobStore& store, const v1::ListJobsRequest& request, absl::Time now);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_LIST_JOBS_H_
