// In place of nccl_communicator.cc in a build without CUDA.

#include "worker/comm/nccl_communicator.h"

namespace lockstep {

absl::StatusOr<std::unique_ptr<Communicator>> ConnectNccl(
    Coordinator& /*coordinator*/, std::unique_ptr<Communicator> /*host*/,
    const NcclOptions& /*options*/) {
  return absl::FailedPreconditionError(
      "this build has no CUDA, and so no collectives between GPUs");
}

}  // namespace lockstep
