#ifndef LOCKSTEP_PROTO_CONTRACT_CUDA_RULES_H_
#define LOCKSTEP_PROTO_CONTRACT_CUDA_RULES_H_

// What a job may ask of a CPU and not yet of a GPU. A job that says cuda is
// refused for it; one that says auto trains on the CPU then.

#include <vector>

#include "lockstep/v1/job.pb.h"
#include "proto/contract/job_spec.h"

namespace lockstep {

// Of a spec with its defaults, whatever its resources.device; empty if it can
// train on GPUs.
std::vector<FieldViolation> CudaViolations(const v1::JobSpec& spec);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_CUDA_RULES_H_
