#ifndef LOCKSTEP_SERVER_SERVICE_LIST_EVENTS_H_
#define LOCKSTEP_SERVER_SERVICE_LIST_EVENTS_H_

// ListEvents: pages of the journal.

#include "absl/status/statusor.h"
#include "lockstep/v1/job_service.pb.h"
#include "server/events/event_log.h"
#include "server/store/job_store.h"

namespace lockstep {

// NOT_FOUND: JOB_NOT_FOUND. INVALID_ARGUMENT: INVALID_NAME, INVALID_PAGE_TOKEN.
absl::StatusOr<v1::ListEventsResponse> ListEvents(
    const JobStore& store, const EventLog& events,
    const v1::ListEventsRequest& request);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_LIST_EVENTS_H_
