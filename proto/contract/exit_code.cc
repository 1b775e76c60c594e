#include "proto/contract/exit_code.h"

namespace lockstep {

v1::Attempt::EndCause CauseOfExit(int exit_code, int signal) {
  if (signal != 0) return v1::Attempt::WORKER_CRASH;
  switch (exit_code) {
    case kOk:
      return v1::Attempt::SUCCESS;
    case kInvalidInput:
      return v1::Attempt::INVALID_INPUT;
    case kUserError:
      return v1::Attempt::USER_ERROR;
    case kInputChanged:
      return v1::Attempt::INPUT_CHANGED;
    case kStorageFull:
      return v1::Attempt::STORAGE_FULL;
    case kNotFinite:
      return v1::Attempt::NOT_FINITE;
    case kOutOfMemory:
      return v1::Attempt::HOST_OUT_OF_MEMORY;
    case kSuperseded:
    case kCoordinatorLost:
      return v1::Attempt::LOST;
    case kStopped:
      return v1::Attempt::CANCELLED;
    case kCannotStart:
      return v1::Attempt::ENGINE_ERROR;
    default:
      return v1::Attempt::WORKER_CRASH;
  }
}

}  // namespace lockstep
