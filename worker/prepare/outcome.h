#ifndef LOCKSTEP_WORKER_PREPARE_OUTCOME_H_
#define LOCKSTEP_WORKER_PREPARE_OUTCOME_H_

// What came of a preparation, in the two forms that leave the process.

#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "worker/coordinator/coordinator.h"

namespace lockstep {

struct PrepareOutcome {
  // For the coordinator: exactly one of plan and error is set.
  worker::v1::ReportPreparedRequest report;
  // For the parent process; says the same.
  int exit_code = 0;
};

PrepareOutcome OutcomeOf(const absl::StatusOr<v1::Plan>& plan);

// Tells the coordinator, and the log. Returns the exit code of the process.
int Tell(const PrepareOutcome& outcome, Coordinator& coordinator);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_OUTCOME_H_
