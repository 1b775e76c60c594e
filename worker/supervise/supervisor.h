#ifndef LOCKSTEP_WORKER_SUPERVISE_SUPERVISOR_H_
#define LOCKSTEP_WORKER_SUPERVISE_SUPERVISOR_H_

// `lockstep-worker supervise`: the parent of one attempt's ranks on one host.
// Because it, and not the daemon, is the parent, the way each rank ended is
// known even when the daemon was away: it is in an exit file on disk, and told
// to the daemon when that is back. It does not die with the daemon.

#include "absl/status/statusor.h"
#include "worker/supervise/supervise_options.h"

namespace lockstep {

// Runs the ranks to their end, writes the exit file and offers the end to the
// coordinator. OK: their end is told; with it goes the exit code of this
// process, which is 0 unless it is to end like its ranks. `terminate_fd` turns
// readable when this process was asked to end (-1: never).
absl::StatusOr<int> Supervise(const SuperviseOptions& options,
                              int terminate_fd);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_SUPERVISOR_H_
