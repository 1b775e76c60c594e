#include "proto/contract/end_cause.h"

namespace lockstep {
namespace {

struct Consequence {
  v1::Job::State next;
  bool counts;
};

// No default: the compiler names a cause that is missing.
Consequence ConsequenceOf(v1::Attempt::EndCause cause) {
  switch (cause) {
    case v1::Attempt::SUCCESS:
      return {v1::Job::SUCCEEDED, false};
    case v1::Attempt::CANCELLED:
      return {v1::Job::CANCELLED, false};
    case v1::Attempt::PAUSED:
      return {v1::Job::PAUSED, false};
    // The user's to mend: another attempt would end in the same way.
    case v1::Attempt::USER_ERROR:
    case v1::Attempt::INVALID_INPUT:
    case v1::Attempt::INPUT_CHANGED:
    case v1::Attempt::NOT_FINITE:
    case v1::Attempt::TIME_LIMIT:
    case v1::Attempt::GPU_OUT_OF_MEMORY:
      return {v1::Job::FAILED, false};
    // The cluster's doing.
    case v1::Attempt::PREEMPTED:
    case v1::Attempt::NODE_LOST:
    case v1::Attempt::LOST:
      return {v1::Job::QUEUED, false};
    // May pass; tried again a few times.
    case v1::Attempt::GPU_FAULT:
    case v1::Attempt::HOST_OUT_OF_MEMORY:
    case v1::Attempt::STORAGE_FULL:
    case v1::Attempt::HANG:
    case v1::Attempt::RENDEZVOUS_TIMEOUT:
    case v1::Attempt::WORKER_CRASH:
    case v1::Attempt::ENGINE_ERROR:
      return {v1::Job::QUEUED, true};
    case v1::Attempt::END_CAUSE_UNSPECIFIED:
    case v1::Attempt_EndCause_Attempt_EndCause_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::Attempt_EndCause_Attempt_EndCause_INT_MAX_SENTINEL_DO_NOT_USE_:
      break;
  }
  // A cause of a newer release: like a crash.
  return {v1::Job::QUEUED, true};
}

}  // namespace

v1::Job::State NextJobState(v1::Attempt::EndCause cause) {
  return ConsequenceOf(cause).next;
}

bool CountsAgainstMaxRestarts(v1::Attempt::EndCause cause) {
  return ConsequenceOf(cause).counts;
}

absl::string_view EndCauseName(v1::Attempt::EndCause cause) {
  return v1::Attempt::EndCause_Name(cause);
}

}  // namespace lockstep
