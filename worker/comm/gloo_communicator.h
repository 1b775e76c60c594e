#ifndef LOCKSTEP_WORKER_COMM_GLOO_COMMUNICATOR_H_
#define LOCKSTEP_WORKER_COMM_GLOO_COMMUNICATOR_H_

// Ranks that are processes and talk over TCP through Gloo, as LibTorch ships
// it. They find each other through the coordinator's keys, so no rank listens
// on a port that was agreed on before. A dead peer is noticed within tens of
// milliseconds; a stopped one at the timeout.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/comm/communicator.h"
#include "worker/comm/newest_collective.h"
#include "worker/coordinator/coordinator.h"

namespace lockstep {

struct GlooOptions {
  int rank = 0;
  int world_size = 1;
  // Address of the interface that Gloo's sockets are bound to.
  std::string bind_address = "127.0.0.1";
  // How long a rank waits for the others' addresses.
  absl::Duration rendezvous_timeout = absl::Minutes(5);
  // How long ranks may be apart when they come to a reduction or a gathering,
  // and the others from rank 0 when it comes to a barrier.
  absl::Duration timeout = absl::Minutes(30);
  // How long the others wait for rank 0: longer than it takes to read or write
  // a checkpoint.
  absl::Duration rank0_timeout = absl::Minutes(30);
  // Told of each collective, when there is one; outlives the communicator.
  NewestCollective* newest = nullptr;
};

// Returns when all ranks are connected. `coordinator` is used only here.
//
// One group per process: LibTorch's flight recorder keeps a map of groups that
// their first collectives fill without a lock (torch 2.x,
// FlightRecorder::recordWithResetEnabled). Ranks that are threads of one
// process must turn the recorder off, TORCH_FR_BUFFER_SIZE=0.
absl::StatusOr<std::unique_ptr<Communicator>> ConnectGloo(
    Coordinator& coordinator, const GlooOptions& options);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COMM_GLOO_COMMUNICATOR_H_
