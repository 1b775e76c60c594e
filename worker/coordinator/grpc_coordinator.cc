#include "worker/coordinator/grpc_coordinator.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/duration.pb.h"
#include "proto/contract/errors.h"
#include "proto/contract/grpc_status.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/version.h"
#include "proto/contract/worker_version.h"
#include "worker/coordinator/grpc_heartbeats.h"

namespace lockstep {
namespace {

using Stub = worker::v1::WorkerService::Stub;

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(1);

// Whether nobody answered. A daemon that ends cancels the calls it has, and
// one that is stuck lets them run into our deadline; a deadline of the daemon's
// own has a reason.
bool IsAway(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsCancelled(status) ||
         (absl::IsDeadlineExceeded(status) && ErrorReason(status).empty());
}

}  // namespace

void AddCredentials(const std::string& token, grpc::ClientContext& context) {
  context.AddMetadata("authorization", "Bearer " + token);
  context.AddMetadata(kVersionMetadata, VersionText());
}

std::shared_ptr<grpc::Channel> ConnectToCoordinator(const std::string& address,
                                                    const TlsIdentity& tls) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // Despite its name the time that one attempt to connect may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // A plan or a resolved spec is small; a proxy in the environment is not for
  // a daemon on this host.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, ChannelCredentials(tls), arguments);
}

absl::StatusOr<std::string> ReadTokenFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(
        absl::StrCat("token file ", path, " cannot be read"));
  }
  std::ostringstream text;
  text << file.rdbuf();
  std::string token(absl::StripAsciiWhitespace(text.str()));
  if (token.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("token file ", path, " is empty"));
  }
  return token;
}

absl::StatusOr<std::unique_ptr<GrpcCoordinator>> GrpcCoordinator::Create(
    CoordinatorOptions options) {
  ASSIGN_OR_RETURN(std::string token, ReadTokenFile(options.token_file));
  ASSIGN_OR_RETURN(TlsIdentity tls, LoadTls({.ca = options.tls_ca}));
  return std::unique_ptr<GrpcCoordinator>(new GrpcCoordinator(
      std::move(options), std::move(token), std::move(tls)));
}

GrpcCoordinator::GrpcCoordinator(CoordinatorOptions options, std::string token,
                                 TlsIdentity tls)
    : options_(std::move(options)),
      token_(std::move(token)),
      tls_(std::move(tls)),
      stub_(worker::v1::WorkerService::NewStub(
          ConnectToCoordinator(options_.address, tls_))) {}

template <typename Request>
void GrpcCoordinator::Sign(Request& request) const {
  worker::v1::Caller& caller = *request.mutable_caller();
  caller.set_job(options_.job);
  caller.set_attempt(options_.attempt);
  caller.set_rank(options_.rank);
}

template <typename Method, typename Request, typename Response>
absl::Status GrpcCoordinator::CallOnce(Method method, const Request& request,
                                       Response& response,
                                       absl::Duration timeout) const {
  grpc::ClientContext context;
  AddCredentials(token_, context);
  // gRPC counts its deadline on the real clock, so the injected one does not
  // serve here.
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  response.Clear();
  return FromGrpcStatus(((*stub_).*method)(&context, request, &response));
}

template <typename Method, typename Request, typename Response>
absl::Status GrpcCoordinator::CallUntilAnswered(Method method, Request& request,
                                                Response& response,
                                                absl::Duration timeout) const {
  Sign(request);
  const absl::Time give_up = options_.now() + options_.away_budget;
  absl::Duration pause = kFirstPause;
  while (true) {
    absl::Status status = CallOnce(method, request, response, timeout);
    if (!IsAway(status)) return status;
    if (options_.now() + pause > give_up) {
      if (tls_.enabled()) {
        // A certificate may be renewed while it waits; now it is the reason.
        const absl::Status why = ExplainTlsFailure(options_.address, tls_);
        if (!why.ok()) status = why;
      }
      return absl::UnavailableError(absl::StrCat(
          "the coordinator at ", options_.address, " was away for ",
          absl::FormatDuration(options_.away_budget), ": ", status.message()));
    }
    options_.sleep(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

absl::StatusOr<worker::v1::JoinResponse> GrpcCoordinator::Join(
    const std::string& node, int64_t pid, const std::string& incarnation) {
  worker::v1::JoinRequest request;
  request.set_node(node);
  request.set_pid(pid);
  request.set_incarnation(incarnation);
  request.set_device(options_.device);
  worker::v1::JoinResponse response;
  RETURN_IF_ERROR(
      CallUntilAnswered(&Stub::Join, request, response, options_.join_timeout));
  return response;
}

absl::Status GrpcCoordinator::SetKey(absl::string_view key,
                                     absl::string_view value) {
  worker::v1::SetKeyRequest request;
  request.set_key(std::string(key));
  request.set_value(std::string(value));
  worker::v1::SetKeyResponse response;
  return CallUntilAnswered(&Stub::SetKey, request, response,
                           options_.call_timeout);
}

absl::StatusOr<std::string> GrpcCoordinator::WaitKey(absl::string_view key,
                                                     absl::Duration timeout) {
  worker::v1::WaitKeyRequest request;
  request.set_key(std::string(key));
  const int64_t nanos = absl::ToInt64Nanoseconds(timeout);
  request.mutable_timeout()->set_seconds(nanos / 1'000'000'000);
  request.mutable_timeout()->set_nanos(nanos % 1'000'000'000);
  worker::v1::WaitKeyResponse response;
  // The daemon keeps the request's timeout; the call's deadline only guards
  // against a daemon that does not.
  RETURN_IF_ERROR(CallUntilAnswered(&Stub::WaitKey, request, response,
                                    timeout + options_.call_timeout));
  return response.value();
}

std::unique_ptr<Heartbeats> GrpcCoordinator::OpenHeartbeats(
    Heartbeats::Handler handler) {
  worker::v1::HeartbeatRequest first;
  Sign(first);
  return std::make_unique<GrpcHeartbeats>(*stub_, token_, first.caller(),
                                          std::move(handler));
}

absl::StatusOr<int64_t> GrpcCoordinator::Report(
    worker::v1::ReportRequest request) {
  Sign(request);
  worker::v1::ReportResponse response;
  RETURN_IF_ERROR(
      CallOnce(&Stub::Report, request, response, options_.call_timeout));
  return response.acknowledged_seq();
}

absl::Status GrpcCoordinator::CommitCheckpoint(
    worker::v1::CommitCheckpointRequest::Phase phase,
    const v1::Checkpoint& checkpoint) {
  worker::v1::CommitCheckpointRequest request;
  request.set_phase(phase);
  *request.mutable_checkpoint() = checkpoint;
  worker::v1::CommitCheckpointResponse response;
  return CallUntilAnswered(&Stub::CommitCheckpoint, request, response,
                           options_.call_timeout);
}

absl::Status GrpcCoordinator::ReportPrepared(const v1::Plan& plan) {
  worker::v1::ReportPreparedRequest request;
  *request.mutable_plan() = plan;
  worker::v1::ReportPreparedResponse response;
  return CallUntilAnswered(&Stub::ReportPrepared, request, response,
                           options_.call_timeout);
}

absl::Status GrpcCoordinator::ReportPrepareFailed(const v1::JobError& error) {
  worker::v1::ReportPreparedRequest request;
  *request.mutable_error() = error;
  worker::v1::ReportPreparedResponse response;
  return CallUntilAnswered(&Stub::ReportPrepared, request, response,
                           options_.call_timeout);
}

}  // namespace lockstep
