#ifndef LOCKSTEP_PROTO_CONTRACT_EXIT_CODE_H_
#define LOCKSTEP_PROTO_CONTRACT_EXIT_CODE_H_

// What the exit codes of lockstep-worker say. They survive where no message
// does: in the exit file of a supervisor, and in a batch system's books.

#include "lockstep/v1/job.pb.h"

namespace lockstep {

enum ExitCode : int {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  kInvalidInput = 65,
  kUserError = 66,
  kInputChanged = 67,
  kStorageFull = 68,
  kNotFinite = 69,
  kOutOfMemory = 70,
  // Another rank went away; the cause is that rank's.
  kPeerLost = 71,
  // This process belongs to an attempt that has ended.
  kSuperseded = 72,
  // The coordinator stayed away longer than the budget.
  kCoordinatorLost = 73,
  // Stopped because it was asked to, at a step boundary.
  kStopped = 75,
  // The program itself cannot be started, as a shell and the loader of shared
  // libraries say it.
  kCannotStart = 127,
};

// Why a process that ended with this code, or by this signal, has ended.
v1::Attempt::EndCause CauseOfExit(int exit_code, int signal);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_EXIT_CODE_H_
