#ifndef LOCKSTEP_WORKER_COORDINATOR_GRPC_HEARTBEATS_H_
#define LOCKSTEP_WORKER_COORDINATOR_GRPC_HEARTBEATS_H_

// Heartbeats over gRPC: WorkerService.Heartbeat by callbacks, so that a daemon
// that is slow, silent or away holds up nobody. When to say something, and when
// to open a line that closed, is the caller's business (worker/train/progress).

#include <memory>
#include <string>

#include "lockstep/worker/v1/worker_service.grpc.pb.h"
#include "worker/coordinator/coordinator.h"

namespace lockstep {

class GrpcHeartbeats final : public Heartbeats {
 public:
  // The stub outlives this.
  GrpcHeartbeats(worker::v1::WorkerService::Stub& stub, std::string token,
                 worker::v1::Caller caller, Handler handler);
  // Gives the daemon a moment to take note of the end.
  ~GrpcHeartbeats() override;

  void Say(worker::v1::HeartbeatRequest where) override;

 private:
  class Stream;

  worker::v1::WorkerService::Stub& stub_;
  const std::string token_;
  const Handler handler_;
  const worker::v1::Caller caller_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COORDINATOR_GRPC_HEARTBEATS_H_
