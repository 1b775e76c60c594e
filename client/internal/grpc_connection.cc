#include "client/internal/grpc_connection.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "proto/contract/errors.h"
#include "proto/contract/grpc_status.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/tls_channel.h"
#include "proto/contract/trace_context.h"

namespace lockstep::internal {
namespace {

constexpr absl::Duration kInterruptedWithin = absl::Milliseconds(50);

std::shared_ptr<grpc::Channel> NewChannel(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  // Tries again soon: our own retry loop is the one that is patient.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  // Despite its name the time that one attempt to connect may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A proxy would see the token, and its loopback is not ours.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A channel of one's own: another client of this process that failed to
  // connect must not slow this one down.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(options.server,
                                   ChannelCredentials(options.tls), arguments);
}

RetryPolicy StreamPolicy(const ClientOptions& options) {
  RetryPolicy policy;
  policy.patience = options.patience;
  return policy;
}

}  // namespace

class GrpcConnection::Call {
 public:
  Call(GrpcConnection& owner, absl::Duration timeout) : owner_(owner) {
    if (timeout < absl::InfiniteDuration()) {
      context_.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    }
    if (!owner.options_.token.empty()) {
      context_.AddMetadata("authorization",
                           absl::StrCat("Bearer ", owner.options_.token));
    }
    // Whoever started this process may trace what it does.
    const std::string trace = ProcessEnvironment("TRACEPARENT");
    if (ParseTraceparent(trace).has_value()) {
      context_.AddMetadata(kTraceparentKey, trace.substr(0, kTraceparentBytes));
    }
    absl::MutexLock lock(&owner_.mu_);
    if (owner_.interrupted_) context_.TryCancel();
    owner_.running_.insert(&context_);
  }

  ~Call() {
    absl::MutexLock lock(&owner_.mu_);
    owner_.running_.erase(&context_);
  }

  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  grpc::ClientContext* context() { return &context_; }

  // A coordinator that ends cancels what reaches it meanwhile. Nobody here gave
  // up, so the call may be made again, as when it is away.
  absl::Status Result(const grpc::Status& status) const {
    absl::Status result = FromGrpcStatus(status);
    if (result.ok()) return result;
    const auto& trailers = context_.GetServerTrailingMetadata();
    const auto id = trailers.find(kRequestIdKey);
    if (id != trailers.end()) {
      SetRequestId({id->second.data(), id->second.size()}, result);
    }
    // One with a reason is the coordinator's own answer.
    if (absl::IsUnavailable(result) && ErrorReason(result).empty() &&
        owner_.options_.tls.enabled()) {
      const absl::Status why =
          ExplainTlsFailure(owner_.options_.server, owner_.options_.tls);
      return why.ok() ? result : why;
    }
    if (!absl::IsCancelled(result)) return result;
    absl::MutexLock lock(&owner_.mu_);
    if (owner_.interrupted_) return result;
    return absl::UnavailableError("the coordinator is ending");
  }

 private:
  GrpcConnection& owner_;
  grpc::ClientContext context_;
};

GrpcConnection::GrpcConnection(const ClientOptions& options)
    : GrpcConnection(options, NewChannel(options)) {}

GrpcConnection::GrpcConnection(const ClientOptions& options,
                               const std::shared_ptr<grpc::Channel>& channel)
    : options_(options),
      stream_policy_(StreamPolicy(options)),
      channel_(channel),
      jobs_(channel),
      cluster_(channel) {}

// A connection is driven by who waits for it. While nobody does, gRPC looks at
// it every 5 s, which makes the handshakes of TLS take a quarter of a minute.
bool GrpcConnection::InterruptibleSleeper::Sleep(absl::Duration duration) {
  const absl::Time end = absl::Now() + duration;
  while (absl::Now() < end) {
    {
      absl::MutexLock lock(&owner_.mu_);
      if (owner_.interrupted_) return false;
    }
    owner_.channel_->WaitForStateChange(
        owner_.channel_->GetState(/*try_to_connect=*/true),
        absl::ToChronoTime(std::min(end, absl::Now() + kInterruptedWithin)));
  }
  return true;
}

void GrpcConnection::Interrupt() {
  absl::MutexLock lock(&mu_);
  interrupted_ = true;
  for (grpc::ClientContext* context : running_) context->TryCancel();
}

template <typename Response, typename Stub, typename Request>
absl::StatusOr<Response> GrpcConnection::Unary(
    Stub& stub,
    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                 Response*),
    const Request& request, bool idempotent) {
  return RetryLoop(
      unary_policy_, sleeper_, idempotent, [&]() -> absl::StatusOr<Response> {
        Call call(*this, options_.timeout);
        Response response;
        RETURN_IF_ERROR(
            call.Result((stub.*method)(call.context(), request, &response)));
        return response;
      });
}

template <typename Response, typename Open>
absl::Status GrpcConnection::Read(const Open& open,
                                  const OnMessage<Response>& on_message) {
  Call call(*this, absl::InfiniteDuration());
  const auto reader = open(call.context());
  Response response;
  bool wanted = true;
  while (wanted && reader->Read(&response)) wanted = on_message(response);
  if (!wanted) call.context()->TryCancel();
  const grpc::Status status = reader->Finish();
  return wanted ? call.Result(status) : absl::OkStatus();
}

template <typename Request, typename Response>
absl::Status GrpcConnection::Stream(
    std::unique_ptr<grpc::ClientReader<Response>> (
        v1::JobService::Stub::*method)(grpc::ClientContext*, const Request&),
    const Request& request, const OnMessage<Response>& on_message) {
  const auto read = [&](const Request& from, const OnMessage<Response>& next) {
    const auto open = [&](grpc::ClientContext* context) {
      return (jobs_.*method)(context, from);
    };
    return Read(open, next);
  };
  return ResumeLoop<Request, Response>(stream_policy_, sleeper_, request, read,
                                       on_message);
}

absl::StatusOr<v1::Job> GrpcConnection::CreateJob(
    const v1::CreateJobRequest& request) {
  return Unary(
      jobs_, &v1::JobService::Stub::CreateJob, request,
      /*idempotent=*/!request.request_id().empty() || request.validate_only());
}

absl::StatusOr<v1::Job> GrpcConnection::GetJob(
    const v1::GetJobRequest& request) {
  return Unary(jobs_, &v1::JobService::Stub::GetJob, request);
}

absl::StatusOr<v1::ListJobsResponse> GrpcConnection::ListJobs(
    const v1::ListJobsRequest& request) {
  return Unary(jobs_, &v1::JobService::Stub::ListJobs, request);
}

absl::StatusOr<v1::Job> GrpcConnection::CancelJob(
    const v1::CancelJobRequest& request) {
  // With an etag a second try would find the first one's change.
  return Unary(jobs_, &v1::JobService::Stub::CancelJob, request,
               /*idempotent=*/request.etag().empty());
}

absl::StatusOr<v1::Job> GrpcConnection::PauseJob(
    const v1::PauseJobRequest& request) {
  return Unary(jobs_, &v1::JobService::Stub::PauseJob, request,
               /*idempotent=*/request.etag().empty());
}

absl::StatusOr<v1::Job> GrpcConnection::ResumeJob(
    const v1::ResumeJobRequest& request) {
  return Unary(jobs_, &v1::JobService::Stub::ResumeJob, request,
               /*idempotent=*/request.etag().empty());
}

absl::StatusOr<v1::JobExplanation> GrpcConnection::ExplainJob(
    const v1::ExplainJobRequest& request) {
  return Unary(jobs_, &v1::JobService::Stub::ExplainJob, request);
}

absl::StatusOr<v1::Job> GrpcConnection::UpdateJob(
    const v1::UpdateJobRequest& request) {
  return Unary(jobs_, &v1::JobService::Stub::UpdateJob, request,
               /*idempotent=*/request.job().etag().empty());
}

absl::Status GrpcConnection::DeleteJob(const v1::DeleteJobRequest& request) {
  return Unary(jobs_, &v1::JobService::Stub::DeleteJob, request,
               /*idempotent=*/false)
      .status();
}

absl::StatusOr<v1::ListEventsResponse> GrpcConnection::ListEvents(
    const v1::ListEventsRequest& request) {
  return Unary(jobs_, &v1::JobService::Stub::ListEvents, request);
}

absl::StatusOr<v1::ListCheckpointsResponse> GrpcConnection::ListCheckpoints(
    const v1::ListCheckpointsRequest& request) {
  return Unary(jobs_, &v1::JobService::Stub::ListCheckpoints, request);
}

absl::StatusOr<v1::Checkpoint> GrpcConnection::UpdateCheckpoint(
    const v1::UpdateCheckpointRequest& request) {
  return Unary(jobs_, &v1::JobService::Stub::UpdateCheckpoint, request);
}

absl::StatusOr<v1::ListNodesResponse> GrpcConnection::ListNodes() {
  return Unary(cluster_, &v1::ClusterService::Stub::ListNodes,
               v1::ListNodesRequest());
}

absl::StatusOr<v1::ServerInfo> GrpcConnection::GetServerInfo() {
  return Unary(cluster_, &v1::ClusterService::Stub::GetServerInfo,
               v1::GetServerInfoRequest());
}

absl::StatusOr<v1::ServerConfig> GrpcConnection::GetServerConfig() {
  return Unary(cluster_, &v1::ClusterService::Stub::GetServerConfig,
               v1::GetServerConfigRequest());
}

absl::StatusOr<v1::ServerInfo> GrpcConnection::DrainServer(
    const v1::DrainServerRequest& request) {
  return Unary(cluster_, &v1::ClusterService::Stub::DrainServer, request);
}

absl::StatusOr<v1::ServerInfo> GrpcConnection::UndrainServer() {
  return Unary(cluster_, &v1::ClusterService::Stub::UndrainServer,
               v1::UndrainServerRequest());
}

absl::StatusOr<v1::Device> GrpcConnection::DrainDevice(
    const v1::DrainDeviceRequest& request) {
  return Unary(cluster_, &v1::ClusterService::Stub::DrainDevice, request);
}

absl::StatusOr<v1::Device> GrpcConnection::UndrainDevice(
    const v1::UndrainDeviceRequest& request) {
  return Unary(cluster_, &v1::ClusterService::Stub::UndrainDevice, request);
}

absl::StatusOr<v1::ListQueuesResponse> GrpcConnection::ListQueues() {
  return Unary(cluster_, &v1::ClusterService::Stub::ListQueues,
               v1::ListQueuesRequest());
}

absl::StatusOr<v1::Queue> GrpcConnection::CreateQueue(
    const v1::CreateQueueRequest& request) {
  return Unary(cluster_, &v1::ClusterService::Stub::CreateQueue, request,
               /*idempotent=*/false);
}

absl::StatusOr<v1::Queue> GrpcConnection::UpdateQueue(
    const v1::UpdateQueueRequest& request) {
  return Unary(cluster_, &v1::ClusterService::Stub::UpdateQueue, request);
}

absl::Status GrpcConnection::DeleteQueue(
    const v1::DeleteQueueRequest& request) {
  return Unary(cluster_, &v1::ClusterService::Stub::DeleteQueue, request,
               /*idempotent=*/false)
      .status();
}

absl::Status GrpcConnection::BackupStore(
    const OnMessage<v1::BackupStoreResponse>& on_message) {
  const auto open = [&](grpc::ClientContext* context) {
    return cluster_.BackupStore(context, v1::BackupStoreRequest());
  };
  return Read(open, on_message);
}

absl::Status GrpcConnection::WatchJobs(
    v1::WatchJobsRequest request,
    const OnMessage<v1::WatchJobsResponse>& on_message) {
  return Stream(&v1::JobService::Stub::WatchJobs, request, on_message);
}

absl::Status GrpcConnection::StreamMetrics(
    v1::StreamMetricsRequest request,
    const OnMessage<v1::StreamMetricsResponse>& on_message) {
  return Stream(&v1::JobService::Stub::StreamMetrics, request, on_message);
}

absl::Status GrpcConnection::StreamLogs(
    v1::StreamLogsRequest request,
    const OnMessage<v1::StreamLogsResponse>& on_message) {
  return Stream(&v1::JobService::Stub::StreamLogs, request, on_message);
}

}  // namespace lockstep::internal
