#ifndef LOCKSTEP_WORKER_COMM_NCCL_COMMUNICATOR_H_
#define LOCKSTEP_WORKER_COMM_NCCL_COMMUNICATOR_H_

// Ranks that have a GPU each. Tensors on the GPU go through NCCL, on a stream
// that waits for the default one, where the engine computes, but not the other
// way round; tensors on the host through another group of the same ranks.
//
// NCCL does not notice a peer that dies or is stopped: its kernel waits for
// ever. So each collective on the GPU has a deadline, which counts from when
// the GPU reached it, and the rank's thread, when it has nothing left to begin,
// looks at each until it is done.
// The message of one that was too late tells the last collectives of this rank;
// INTERNAL, marked GPU_FAULT: the GPU failed.
// What is left of a failed group may still occupy the GPU: the process should
// end.

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/comm/communicator.h"
#include "worker/comm/newest_collective.h"
#include "worker/coordinator/coordinator.h"

namespace lockstep {

struct NcclOptions {
  // How long a rank waits for the others to connect.
  absl::Duration rendezvous_timeout = absl::Minutes(5);
  // How long a collective on the GPU may take. Ranks must not be apart for
  // longer when they come to one: wait for each other on the host before.
  absl::Duration timeout = absl::Seconds(30);
  // Told of each collective on the GPU, when there is one; outlives the
  // communicator.
  NewestCollective* newest = nullptr;
};

// Returns when all ranks of `host` are connected; the calling thread's current
// GPU is this rank's. `coordinator`, which carries the id of the group from
// rank 0 to the others, is used only here. FAILED_PRECONDITION: this build has
// no CUDA.
absl::StatusOr<std::unique_ptr<Communicator>> ConnectNccl(
    Coordinator& coordinator, std::unique_ptr<Communicator> host,
    const NcclOptions& options);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COMM_NCCL_COMMUNICATOR_H_
