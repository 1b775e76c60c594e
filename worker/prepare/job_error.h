#ifndef LOCKSTEP_WORKER_PREPARE_JOB_ERROR_H_
#define LOCKSTEP_WORKER_PREPARE_JOB_ERROR_H_

// How the end of prepare is told: to the coordinator as a JobError, to the
// parent process as an exit code. Pure.

#include "absl/status/status.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {

// The reason is the status's own where it has one, else the end cause that its
// code stands for. The message may quote the input, and is made printable.
v1::JobError ToJobError(const absl::Status& status);

// Of a prepare that found the input unusable.
int ExitCodeOfInput(const absl::Status& status);

// Of a prepare whose report did not reach the coordinator.
int ExitCodeOfReport(const absl::Status& status);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_JOB_ERROR_H_
