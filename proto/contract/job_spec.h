#ifndef LOCKSTEP_PROTO_CONTRACT_JOB_SPEC_H_
#define LOCKSTEP_PROTO_CONTRACT_JOB_SPEC_H_

// Defaults and validation of a JobSpec. Pure: no file is touched, so that the
// command line, the coordinator and the worker all say the same. Whether the
// files exist and fit is for `lockstep-worker prepare`.

#include <vector>

#include "absl/status/status.h"
#include "lockstep/v1/job.pb.h"
#include "proto/contract/errors.h"

namespace lockstep {

// Fills every field that was not set, as the comments of job.proto say.
void ApplyDefaults(v1::JobSpec* spec);

// Everything wrong with a spec that has its defaults; empty when it is good. A
// value that is known but not built yet is refused by name.
std::vector<FieldViolation> ValidateJobSpec(const v1::JobSpec& spec);

// OK, or InvalidSpec with all violations.
absl::Status ViolationsToStatus(const std::vector<FieldViolation>& violations);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_JOB_SPEC_H_
