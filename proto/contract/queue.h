#ifndef LOCKSTEP_PROTO_CONTRACT_QUEUE_H_
#define LOCKSTEP_PROTO_CONTRACT_QUEUE_H_

// What a queue may be, and the queue of a job when nobody said.

#include <string>
#include <vector>

#include "lockstep/v1/cluster_service.pb.h"
#include "lockstep/v1/job.pb.h"
#include "proto/contract/errors.h"

namespace lockstep {

// Always there; its id.
inline constexpr char kDefaultQueue[] = "default";

// The id: the default one where none is set, of a job that an earlier release
// accepted.
std::string QueueOf(const v1::Job& job);
// The one that a spec asks for.
std::string QueueWanted(const v1::JobSpec& spec);

// 1 where none is set.
double WeightOf(const v1::Queue& queue);

// What is wrong with it; fields are "name", "gpu_quota", and so on.
std::vector<FieldViolation> CheckQueue(const v1::Queue& queue);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_QUEUE_H_
