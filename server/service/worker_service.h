#ifndef LOCKSTEP_SERVER_SERVICE_WORKER_SERVICE_H_
#define LOCKSTEP_SERVER_SERVICE_WORKER_SERVICE_H_

// lockstep.worker.v1.WorkerService: what processes of an attempt call. Each
// call is checked twice: the token must be known, and be that of the attempt in
// request.caller, so that a process of an attempt that ended changes nothing.
// Points go to the metric log here; everything else is the scheduler's or the
// rendezvous' business.

#include "lockstep/worker/v1/worker_service.grpc.pb.h"
#include "server/service/service_parts.h"

namespace lockstep {

class WorkerServiceImpl final
    : public worker::v1::WorkerService::CallbackService {
 public:
  explicit WorkerServiceImpl(const ServiceParts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* ReportPrepared(
      grpc::CallbackServerContext* context,
      const worker::v1::ReportPreparedRequest* request,
      worker::v1::ReportPreparedResponse* response) override;
  grpc::ServerBidiReactor<worker::v1::AttachRequest,
                          worker::v1::AttachResponse>*
  Attach(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Join(grpc::CallbackServerContext* context,
                                 const worker::v1::JoinRequest* request,
                                 worker::v1::JoinResponse* response) override;
  grpc::ServerUnaryReactor* SetKey(
      grpc::CallbackServerContext* context,
      const worker::v1::SetKeyRequest* request,
      worker::v1::SetKeyResponse* response) override;
  grpc::ServerUnaryReactor* WaitKey(
      grpc::CallbackServerContext* context,
      const worker::v1::WaitKeyRequest* request,
      worker::v1::WaitKeyResponse* response) override;
  grpc::ServerBidiReactor<worker::v1::HeartbeatRequest,
                          worker::v1::HeartbeatResponse>*
  Heartbeat(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Report(
      grpc::CallbackServerContext* context,
      const worker::v1::ReportRequest* request,
      worker::v1::ReportResponse* response) override;
  grpc::ServerUnaryReactor* CommitCheckpoint(
      grpc::CallbackServerContext* context,
      const worker::v1::CommitCheckpointRequest* request,
      worker::v1::CommitCheckpointResponse* response) override;

 private:
  const ServiceParts parts_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_WORKER_SERVICE_H_
