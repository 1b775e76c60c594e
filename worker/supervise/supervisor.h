#ifndef LOCKSTEP_WORKER_SUPERVISE_SUPERVISOR_H_
#define LOCKSTEP_WORKER_SUPERVISE_SUPERVISOR_H_

// `lockstep-worker supervise`: the parent of one attempt's ranks on one host.
// Because it, and not the daemon, is the parent, the way each rank ended is
// known even when the daemon was away: it is in an exit file on disk, and told
// to the daemon when that is back. It does not die with the daemon.

#include "absl/status/status.h"
#include "worker/supervise/supervise_options.h"

namespace lockstep {

// Runs the ranks to their end, writes the exit file and offers the end to the
// coordinator. OK says nothing about the ranks, only that their end is told.
// `terminate_fd` turns readable when this process was asked to end (-1: never).
absl::Status Supervise(const SuperviseOptions& options, int terminate_fd);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_SUPERVISOR_H_
