#ifndef LOCKSTEP_PROTO_CONTRACT_STEP_PARTS_H_
#define LOCKSTEP_PROTO_CONTRACT_STEP_PARTS_H_

// The parts that a step of a rank is made of, and by which names the values of
// a MetricPoint tell how long each took. Ranks say them, the coordinator
// compares and counts them, clients show them.

#include "lockstep/v1/job.pb.h"

namespace lockstep {

struct StepPart {
  v1::Span::Kind kind;
  const char* name;
  // Of MetricPoint.values: of one step, the mean since the point before.
  const char* seconds;
};

// In the order in which a step goes through them.
inline constexpr StepPart kStepParts[] = {
    {v1::Span::DATA, "data", "data_seconds"},
    {v1::Span::FORWARD, "forward", "forward_seconds"},
    {v1::Span::BACKWARD, "backward", "backward_seconds"},
    {v1::Span::COMM, "comm", "comm_seconds"},
    {v1::Span::OPTIMIZER, "optimizer", "optimizer_seconds"}};

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_STEP_PARTS_H_
