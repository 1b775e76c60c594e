#ifndef LOCKSTEP_WORKER_COMMAND_RESULT_H_
#define LOCKSTEP_WORKER_COMMAND_RESULT_H_

// How a tool among the subcommands ends: what was wrong on stderr, and the exit
// code that says what kind it was.

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lockstep {

// kOk; or prints "lockstep-worker COMMAND: message" and returns kInvalidInput,
// kStorageFull or kFailure.
int CommandResult(absl::string_view command, const absl::Status& status);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COMMAND_RESULT_H_
