#ifndef LOCKSTEP_PROTO_CONTRACT_PRIORITY_H_
#define LOCKSTEP_PROTO_CONTRACT_PRIORITY_H_

// The priority of a job: what it is when nobody said, and in words.

#include <string>

#include "lockstep/v1/job.pb.h"

namespace lockstep {

// Normal where none is set: of a job that an earlier release accepted.
v1::ResourceSpec::Priority PriorityOf(const v1::Job& job);

// "high"; a number for a value that a later release may have.
std::string PriorityName(v1::ResourceSpec::Priority priority);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_PRIORITY_H_
