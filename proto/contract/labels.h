#ifndef LOCKSTEP_PROTO_CONTRACT_LABELS_H_
#define LOCKSTEP_PROTO_CONTRACT_LABELS_H_

// The limits of a job's labels, in its spec and afterwards.

#include <string>
#include <vector>

#include "google/protobuf/map.h"
#include "proto/contract/errors.h"

namespace lockstep {

// What is wrong with them; fields are "labels" and "labels.KEY".
std::vector<FieldViolation> CheckLabels(
    const google::protobuf::Map<std::string, std::string>& labels);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_LABELS_H_
