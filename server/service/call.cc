#include "server/service/call.h"

#include "absl/status/status.h"
#include "absl/strings/strip.h"
#include "proto/contract/errors.h"
#include "proto/contract/grpc_status.h"
#include "proto/contract/resource_name.h"
#include "server/clock.h"
#include "server/metrics/server_metrics.h"

namespace lockstep {

CallRecord::CallRecord(const ServiceParts& parts, absl::string_view method)
    : parts_(parts), method_(method), start_(parts.clock.Now()) {}

absl::StatusOr<Principal> CallRecord::Admit(
    const grpc::CallbackServerContext& context) const {
  tags_ = TagsOf(context);
  CallOrigin origin{.peer = context.peer(), .authorization = ""};
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("authorization");
  if (found != metadata.end()) {
    origin.authorization =
        std::string(found->second.data(), found->second.length());
  }
  return parts_.access.Check(method_, origin);
}

grpc::Status CallRecord::End(const absl::Status& status) const {
  const absl::Duration took = parts_.clock.Now() - start_;
  parts_.metrics.RpcHandled(method_, absl::StatusCodeToString(status.code()),
                            took);
  if (IsLogged(method_, status.code())) LogCall(method_, tags_, status, took);
  return ToGrpcStatus(status);
}

std::shared_ptr<UnaryCall> UnaryCall::Start(const ServiceParts& parts,
                                            absl::string_view method) {
  std::shared_ptr<UnaryCall> call(new UnaryCall(parts, method));
  call->self_ = call;
  return call;
}

void UnaryCall::Finish(const absl::Status& status) {
  if (Claim()) End(status);
}

void UnaryCall::End(const absl::Status& status) {
  grpc::ServerUnaryReactor::Finish(record_.End(status));
}

void UnaryCall::OnCancel() {
  Finish(absl::CancelledError("the client gave up"));
}

void UnaryCall::OnDone() {
  // The last reference may be this one.
  const std::shared_ptr<UnaryCall> self = std::move(self_);
}

absl::Status CheckJobName(absl::string_view name) {
  return JobIdFromName(name).status();
}

absl::Status ShuttingDown() {
  return errors::Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                       "the coordinator is being restarted");
}

}  // namespace lockstep
