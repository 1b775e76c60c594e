#include "server/service/worker_service.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"
#include "server/events/metric_log.h"
#include "server/metrics/server_metrics.h"
#include "server/rendezvous/rendezvous.h"
#include "server/scheduler/scheduler.h"
#include "server/service/attach_stream.h"
#include "server/service/bind_address.h"
#include "server/service/call.h"
#include "server/service/caller_check.h"
#include "server/service/heartbeat_stream.h"
#include "server/store/job_store.h"

namespace lockstep {
namespace {

using worker::v1::CommitCheckpointRequest;
using worker::v1::CommitCheckpointResponse;
using worker::v1::HeartbeatResponse;
using worker::v1::JoinResponse;
using worker::v1::ReportPreparedResponse;
using worker::v1::ReportRequest;
using worker::v1::ReportResponse;
using worker::v1::SetKeyResponse;
using worker::v1::WaitKeyResponse;

constexpr int kMostPoints = 1000;

// Token, and the attempt that it belongs to.
template <typename Request>
absl::Status Admit(UnaryCall& call, grpc::CallbackServerContext& context,
                   const Request& request) {
  ASSIGN_OR_RETURN(const Principal principal, call.Admit(context));
  return CheckCaller(principal, request.caller());
}

// Others are all on this host, and meet on it alone.
bool IsPlacedByEngine(const server::JobRecord& record) {
  return !record.processes().empty() &&
         record.processes().rbegin()->slots_size() > 0;
}

absl::StatusOr<JoinResponse> Welcome(const ServiceParts& parts,
                                     const std::string& job_name,
                                     int world_size,
                                     const std::string& bind_address) {
  ASSIGN_OR_RETURN(const JobRow row, parts.store.FindRow(job_name));
  v1::Job job = row->job();
  ASSIGN_OR_RETURN(std::vector<v1::Checkpoint> checkpoints,
                   parts.store.ListCheckpoints(job_name));
  JoinResponse response;
  response.set_world_size(world_size);
  response.mutable_spec()->Swap(job.mutable_spec());
  response.mutable_plan()->Swap(job.mutable_plan());
  if (response.spec().checkpoint().resume() !=
      v1::CheckpointSpec::RESUME_NEVER) {
    for (auto newest = checkpoints.rbegin(); newest != checkpoints.rend();
         ++newest) {
      *response.add_checkpoints() = std::move(*newest);
    }
    if (job.has_origin()) response.mutable_origin()->Swap(job.mutable_origin());
  }
  const timespec interval = absl::ToTimespec(parts.options.heartbeat_interval);
  response.mutable_heartbeat_interval()->set_seconds(interval.tv_sec);
  response.mutable_heartbeat_interval()->set_nanos(
      static_cast<int>(interval.tv_nsec));
  response.set_bind_address(IsPlacedByEngine(*row) ? bind_address
                                                   : kLoopbackAddress);
  response.set_traceparent(row->traceparent());
  return response;
}

// Points first: when they cannot be stored, the rank sends the whole report
// again.
absl::StatusOr<ReportResponse> Store(const ServiceParts& parts,
                                     const ReportRequest& request) {
  const worker::v1::Caller& caller = request.caller();
  if (request.points_size() > kMostPoints) {
    return errors::Error(absl::StatusCode::kInvalidArgument, "TOO_MANY_POINTS",
                         absl::StrCat("points: ", request.points_size(),
                                      " in one report; at most ", kMostPoints));
  }
  ASSIGN_OR_RETURN(const SharedJob job, parts.store.Find(caller.job()));
  ASSIGN_OR_RETURN(const int64_t acknowledged,
                   parts.metric_log.Append(job->uid(), caller.attempt(),
                                           caller.rank(), request.points()));
  if (caller.rank() == 0) {
    std::vector<const v1::MetricPoint*> stored;
    for (const v1::MetricPoint& point : request.points()) {
      if (point.seq() <= acknowledged) stored.push_back(&point);
    }
    parts.metrics.PointsStored(*job, caller.attempt(), stored);
  }
  parts.scheduler.Measured(caller, request.points());
  const bool has_progress = request.has_progress() && caller.rank() == 0;
  parts.scheduler.HeardReport(
      caller,
      has_progress ? std::optional(request.progress().step()) : std::nullopt);
  if (has_progress || request.has_failure() || request.events_size() > 0) {
    parts.scheduler.Reported(
        caller, request.progress(), has_progress, request.failure(),
        request.has_failure(),
        {request.events().begin(), request.events().end()});
  }
  ReportResponse response;
  response.set_acknowledged_seq(acknowledged);
  return response;
}

worker::v1::ReportPreparedRequest Refused(const worker::v1::Caller& caller,
                                          const absl::Status& why) {
  worker::v1::ReportPreparedRequest report;
  *report.mutable_caller() = caller;
  report.mutable_error()->set_reason(ErrorReason(why));
  report.mutable_error()->set_message(std::string(why.message()));
  return report;
}

// The rank cannot join, and its exit code would not say why.
void EndForVersion(const ServiceParts& parts, const worker::v1::Caller& caller,
                   const absl::Status& why) {
  worker::v1::RankFailure failure;
  failure.set_cause(v1::Attempt::ENGINE_ERROR);
  failure.set_message(std::string(why.message()));
  parts.scheduler.Reported(caller, {}, /*has_progress=*/false, failure,
                           /*has_failure=*/true, {});
}

}  // namespace

grpc::ServerUnaryReactor* WorkerServiceImpl::ReportPrepared(
    grpc::CallbackServerContext* context,
    const worker::v1::ReportPreparedRequest* request, ReportPreparedResponse*) {
  const auto call = UnaryCall::Start(
      parts_, "lockstep.worker.v1.WorkerService/ReportPrepared");
  if (absl::Status status = Admit(*call, *context, *request); !status.ok()) {
    call->Finish(status);
    return call.get();
  }
  const absl::Status version = CheckVersion(*context);
  // What another release has planned is not run; the job says why.
  parts_.scheduler.Prepared(
      version.ok() ? *request : Refused(request->caller(), version),
      [call, version](const absl::Status& status) {
        call->Finish(version.ok() ? status : version);
      });
  return call.get();
}

grpc::ServerBidiReactor<worker::v1::AttachRequest, worker::v1::AttachResponse>*
WorkerServiceImpl::Attach(grpc::CallbackServerContext* context) {
  return AttachStream::Start(parts_, *context);
}

grpc::ServerUnaryReactor* WorkerServiceImpl::Join(
    grpc::CallbackServerContext* context,
    const worker::v1::JoinRequest* request, JoinResponse* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.worker.v1.WorkerService/Join");
  if (absl::Status status = Admit(*call, *context, *request); !status.ok()) {
    call->Finish(status);
    return call.get();
  }
  if (absl::Status version = CheckVersion(*context); !version.ok()) {
    EndForVersion(parts_, request->caller(), version);
    call->Finish(version);
    return call.get();
  }
  parts_.rendezvous.Join(
      *request,
      [this, call, response, job = request->caller().job(),
       bind = BindAddress(context->peer())](absl::StatusOr<int> world_size) {
        if (!world_size.ok()) return call->Finish(world_size.status());
        call->Finish(Welcome(parts_, job, *world_size, bind), response);
      });
  return call.get();
}

grpc::ServerUnaryReactor* WorkerServiceImpl::SetKey(
    grpc::CallbackServerContext* context,
    const worker::v1::SetKeyRequest* request, SetKeyResponse*) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.worker.v1.WorkerService/SetKey");
  absl::Status status = Admit(*call, *context, *request);
  if (status.ok()) status = parts_.rendezvous.SetKey(*request);
  call->Finish(status);
  return call.get();
}

grpc::ServerUnaryReactor* WorkerServiceImpl::WaitKey(
    grpc::CallbackServerContext* context,
    const worker::v1::WaitKeyRequest* request, WaitKeyResponse* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.worker.v1.WorkerService/WaitKey");
  if (absl::Status status = Admit(*call, *context, *request); !status.ok()) {
    call->Finish(status);
    return call.get();
  }
  parts_.rendezvous.WaitKey(
      *request, [call, response](absl::StatusOr<std::string> value) {
        if (!value.ok()) return call->Finish(value.status());
        WaitKeyResponse found;
        found.set_value(*std::move(value));
        call->Finish<WaitKeyResponse>(std::move(found), response);
      });
  return call.get();
}

grpc::ServerBidiReactor<worker::v1::HeartbeatRequest, HeartbeatResponse>*
WorkerServiceImpl::Heartbeat(grpc::CallbackServerContext* context) {
  return HeartbeatStream::Start(parts_, *context);
}

grpc::ServerUnaryReactor* WorkerServiceImpl::Report(
    grpc::CallbackServerContext* context, const ReportRequest* request,
    ReportResponse* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.worker.v1.WorkerService/Report");
  const absl::Status admitted = Admit(*call, *context, *request);
  call->Finish(admitted.ok() ? Store(parts_, *request) : admitted, response);
  return call.get();
}

grpc::ServerUnaryReactor* WorkerServiceImpl::CommitCheckpoint(
    grpc::CallbackServerContext* context,
    const CommitCheckpointRequest* request, CommitCheckpointResponse*) {
  const auto call = UnaryCall::Start(
      parts_, "lockstep.worker.v1.WorkerService/CommitCheckpoint");
  if (absl::Status status = Admit(*call, *context, *request); !status.ok()) {
    call->Finish(status);
    return call.get();
  }
  parts_.scheduler.Checkpoint(
      *request, [call](const absl::Status& status) { call->Finish(status); });
  return call.get();
}

}  // namespace lockstep
