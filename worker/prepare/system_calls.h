#ifndef LOCKSTEP_WORKER_PREPARE_SYSTEM_CALLS_H_
#define LOCKSTEP_WORKER_PREPARE_SYSTEM_CALLS_H_

// What the process that reads a job's input may not ask of the kernel: it needs
// files and memory, and whoever takes it over through a parser gets no more.

#include "absl/status/status.h"

namespace lockstep {

// From here on, for this process and for good, these fail with EPERM: sockets
// of any kind, other programs, and the memory, threads and signals of other
// processes. UNIMPLEMENTED: the kernel or the processor is one that this does
// not work on; nothing has changed.
absl::Status ForbidSystemCalls();

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_SYSTEM_CALLS_H_
