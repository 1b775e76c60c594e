#ifndef LOCKSTEP_WORKER_COMM_LOCAL_COMMUNICATOR_H_
#define LOCKSTEP_WORKER_COMM_LOCAL_COMMUNICATOR_H_

// Ranks that are threads of one process, without sockets. A group of one is
// what a job with a single rank uses; larger groups serve tests.

#include <memory>
#include <vector>

#include "worker/comm/communicator.h"

namespace lockstep {

// One communicator a rank, by rank. They share one meeting point, which lives
// as long as any of them.
std::vector<std::unique_ptr<Communicator>> MakeLocalGroup(int world_size);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COMM_LOCAL_COMMUNICATOR_H_
