#ifndef LOCKSTEP_SERVER_SCHEDULER_SPENDING_H_
#define LOCKSTEP_SERVER_SCHEDULER_SPENDING_H_

// What the time of a job is spent on (server/store/goodput.h), by its record
// and by what its rank 0 says. Pure.

#include "lockstep/worker/v1/worker_service.pb.h"
#include "server/store/goodput.h"
#include "server/store/record.pb.h"

namespace lockstep {

// As the record says. Of a live attempt: what it is on already, at first START.
Spending SpendingOf(const server::JobRecord& record);

// Of the live attempt, whose rank 0 is in this phase after `step` steps. The
// first step that is done ends START.
Spending SpendingIn(const server::JobRecord& record, worker::v1::Phase phase,
                    int64_t step);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_SPENDING_H_
