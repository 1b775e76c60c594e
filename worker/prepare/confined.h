#ifndef LOCKSTEP_WORKER_PREPARE_CONFINED_H_
#define LOCKSTEP_WORKER_PREPARE_CONFINED_H_

// Reads a job's input in a child process, under limits and without a network:
// whatever the files make it do, this process lives to tell the coordinator
// what was being read when the child ended, and how. The child has neither the
// connection to the coordinator nor, in its memory, the token.

#include <functional>

#include "worker/prepare/outcome.h"
#include "worker/prepare/place.h"
#include "worker/prepare/prepare_limits.h"

namespace lockstep {

struct Confined {
  PrepareOutcome outcome;
  // The child said itself what came of it, and has cleaned up.
  bool orderly = false;
};

// Runs `work` in a child and returns what it returned. When the child ended
// otherwise, the outcome is an error that names the place and, as its reason,
// HOST_OUT_OF_MEMORY (memory_bytes), INVALID_INPUT (cpu_seconds, file_bytes) or
// WORKER_CRASH.
//
// Forks: this process must have no other thread yet.
Confined RunConfined(const PrepareLimits& limits,
                     const std::function<PrepareOutcome(TellPlace)>& work);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_CONFINED_H_
