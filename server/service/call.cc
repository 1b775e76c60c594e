#include "server/service/call.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "proto/contract/errors.h"
#include "proto/contract/grpc_status.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/trace_context.h"
#include "server/clock.h"
#include "server/metrics/server_metrics.h"

namespace lockstep {
namespace {

std::string FirstProperty(const grpc::AuthContext& auth,
                          const std::string& name) {
  const std::vector<grpc::string_ref> values = auth.FindPropertyValues(name);
  return values.empty() ? ""
                        : std::string(values[0].data(), values[0].length());
}

// Whom a client certificate names: by its URI, its DNS name, or else its common
// name.
std::string CertificateName(const grpc::CallbackServerContext& context) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (auth == nullptr || !auth->IsPeerAuthenticated()) return "";
  for (const char* property :
       {GRPC_PEER_URI_PROPERTY_NAME, GRPC_PEER_DNS_PROPERTY_NAME,
        GRPC_X509_CN_PROPERTY_NAME}) {
    std::string name = FirstProperty(*auth, property);
    if (!name.empty()) return name;
  }
  return "";
}

}  // namespace

CallRecord::CallRecord(const ServiceParts& parts, absl::string_view method)
    : parts_(parts), method_(method), start_(parts.clock.Now()) {}

absl::StatusOr<Principal> CallRecord::Admit(
    grpc::CallbackServerContext& context) {
  tags_ = TagsOf(context);
  // So that who asks about a call can name it.
  context.AddTrailingMetadata(kRequestIdKey, tags_.request_id);
  CallOrigin origin{.peer = context.peer(),
                    .authorization = "",
                    .certificate = CertificateName(context)};
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("authorization");
  if (found != metadata.end()) {
    origin.authorization =
        std::string(found->second.data(), found->second.length());
  }
  who_ = origin.peer;
  absl::StatusOr<Principal> principal = parts_.access.Check(method_, origin);
  if (principal.ok()) {
    tags_.principal = principal->name;
    absl::StrAppend(&who_, " ", principal->name);
  }
  return principal;
}

grpc::Status CallRecord::End(const absl::Status& status) const {
  const absl::Duration took = parts_.clock.Now() - start_;
  parts_.metrics.RpcHandled(method_, absl::StatusCodeToString(status.code()),
                            took);
  if (absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status)) {
    // So many a minute: whoever knocks must not fill the log.
    parts_.access.rejections().Note(who_, method_, ErrorReason(status));
  } else if (IsLogged(method_, status.code())) {
    LogCall(method_, tags_, status, took);
  }
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
