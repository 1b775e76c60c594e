#ifndef LOCKSTEP_WORKER_TRAIN_RANK_END_H_
#define LOCKSTEP_WORKER_TRAIN_RANK_END_H_

// What an error means for the attempt. Where the cause is known, the status is
// marked with it; what nobody marked is judged by its code. Pure.

#include "absl/status/status.h"
#include "lockstep/v1/job.pb.h"
#include "proto/contract/exit_code.h"

namespace lockstep {

// `status` with `cause` as its reason. OK stays OK, and a status that has a
// reason keeps it: the place closest to the fault knows best.
absl::Status WithCause(v1::Attempt::EndCause cause, const absl::Status& status);

// What the coordinator answered, marked: a daemon that stayed away is not a
// peer that did, and a refusal means that the attempt is over.
absl::Status FromCoordinator(const absl::Status& status);

// How a rank ends.
struct RankEnd {
  ExitCode exit_code = kOk;
  // What the coordinator is told; unspecified when there is nothing to tell: a
  // peer's end came first, or the attempt is already over.
  v1::Attempt::EndCause cause = v1::Attempt::END_CAUSE_UNSPECIFIED;
};

// Of a rank that fails with `error`, which is not OK.
RankEnd EndOfRank(const absl::Status& error);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_RANK_END_H_
