#include "proto/contract/errors.h"

#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "proto/contract/check.h"

namespace lockstep {
namespace {

constexpr char kDomain[] = "lockstep";
constexpr char kRequestIdUrl[] = "lockstep/x-request-id";

google::rpc::Status Details(
    absl::StatusCode code, absl::string_view reason, absl::string_view message,
    const std::map<std::string, std::string>& metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(kDomain);
  info.mutable_metadata()->insert(metadata.begin(), metadata.end());
  google::rpc::Status details;
  details.set_code(static_cast<int>(code));
  details.set_message(std::string(message));
  details.add_details()->PackFrom(info);
  return details;
}

absl::Status WithDetails(const google::rpc::Status& details) {
  absl::Status status(static_cast<absl::StatusCode>(details.code()),
                      details.message());
  status.SetPayload(kErrorDetailsUrl, absl::Cord(details.SerializeAsString()));
  return status;
}

template <typename Message>
std::optional<Message> FindDetail(const absl::Status& status) {
  const absl::optional<absl::Cord> payload =
      status.GetPayload(kErrorDetailsUrl);
  google::rpc::Status details;
  if (!payload.has_value() || !details.ParseFromString(std::string(*payload))) {
    return std::nullopt;
  }
  for (const google::protobuf::Any& detail : details.details()) {
    Message message;
    if (detail.UnpackTo(&message)) return message;
  }
  return std::nullopt;
}

absl::Status InvalidFields(absl::string_view reason,
                           const std::vector<FieldViolation>& violations) {
  LOCKSTEP_CHECK(!violations.empty());
  std::string message;
  google::rpc::BadRequest bad;
  for (const FieldViolation& violation : violations) {
    absl::StrAppend(&message, message.empty() ? "" : "\n", violation.field,
                    ": ", violation.description);
    auto* field = bad.add_field_violations();
    field->set_field(violation.field);
    field->set_description(violation.description);
  }
  google::rpc::Status details =
      Details(absl::StatusCode::kInvalidArgument, reason, message, {});
  details.add_details()->PackFrom(bad);
  return WithDetails(details);
}

}  // namespace

namespace errors {

absl::Status Error(absl::StatusCode code, absl::string_view reason,
                   absl::string_view message,
                   const std::map<std::string, std::string>& metadata) {
  LOCKSTEP_CHECK(code != absl::StatusCode::kOk);
  return WithDetails(Details(code, reason, message, metadata));
}

absl::Status JobNotFound(absl::string_view name) {
  return Error(absl::StatusCode::kNotFound, "JOB_NOT_FOUND",
               absl::StrCat(name, " does not exist"),
               {{"name", std::string(name)}});
}

absl::Status CheckpointNotFound(absl::string_view name) {
  return Error(absl::StatusCode::kNotFound, "CHECKPOINT_NOT_FOUND",
               absl::StrCat(name, " is not listed"),
               {{"name", std::string(name)}});
}

absl::Status InvalidName(absl::string_view name) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_NAME",
               absl::StrCat("name: \"", name,
                            "\" is not of the form jobs/{job}, with an id of "
                            "lower-case letters, digits and hyphens"));
}

absl::Status JobExists(absl::string_view name) {
  return Error(absl::StatusCode::kAlreadyExists, "JOB_EXISTS",
               absl::StrCat(name, " exists already; choose another name"),
               {{"name", std::string(name)}});
}

absl::Status RequestIdReused(absl::string_view request_id) {
  return Error(absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED",
               absl::StrCat("request_id: \"", request_id,
                            "\" was used with another payload"));
}

absl::Status EtagMismatch(absl::string_view name, absl::string_view given,
                          absl::string_view stored) {
  return Error(absl::StatusCode::kAborted, "ETAG_MISMATCH",
               absl::StrCat(name, " has changed: its etag is \"", stored,
                            "\", not \"", given, "\"; read it again"),
               {{"name", std::string(name)}, {"etag", std::string(stored)}});
}

absl::Status QueueNotFound(absl::string_view name) {
  return Error(absl::StatusCode::kNotFound, "QUEUE_NOT_FOUND",
               absl::StrCat(name, " does not exist"),
               {{"name", std::string(name)}});
}

absl::Status InvalidPageToken(absl::string_view token) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN",
               absl::StrCat("page_token: \"", token,
                            "\" is not one that this call returned for the "
                            "same filter and order"));
}

absl::Status InvalidResumeToken(absl::string_view token) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_RESUME_TOKEN",
               absl::StrCat("resume_token: \"", token,
                            "\" is not one that this stream returned"));
}

absl::Status AttemptSuperseded(absl::string_view job, int attempt) {
  return Error(absl::StatusCode::kFailedPrecondition, "ATTEMPT_SUPERSEDED",
               absl::StrCat(job, ": attempt ", attempt,
                            " has ended; its processes must exit"));
}

absl::Status StoreUnavailable(absl::string_view why) {
  return Error(absl::StatusCode::kUnavailable, "STORE_UNAVAILABLE",
               absl::StrCat("the job store cannot be written: ", why));
}

absl::Status Draining() {
  return Error(absl::StatusCode::kUnavailable, "DRAINING",
               "the coordinator is drained and takes no new job");
}

absl::Status NotJobOwner(absl::string_view name, absl::string_view owner,
                         absl::string_view caller) {
  return Error(absl::StatusCode::kPermissionDenied, "NOT_JOB_OWNER",
               absl::StrCat(name, " belongs to ", owner, "; ", caller,
                            " may change only their own jobs"),
               {{"name", std::string(name)}, {"owner", std::string(owner)}});
}

absl::Status TokenMissing() {
  return Error(absl::StatusCode::kUnauthenticated, "TOKEN_MISSING",
               "this address wants a token (metadata \"authorization: Bearer "
               "TOKEN\") or, with --tls-client-ca, a client certificate");
}

absl::Status TokenInvalid() {
  return Error(absl::StatusCode::kUnauthenticated, "TOKEN_INVALID",
               "the token is not known here");
}

absl::Status InvalidSpec(const std::vector<FieldViolation>& violations) {
  return InvalidFields("INVALID_SPEC", violations);
}

absl::Status InvalidQueue(const std::vector<FieldViolation>& violations) {
  return InvalidFields("INVALID_QUEUE", violations);
}

}  // namespace errors

std::string ErrorReason(const absl::Status& status) {
  const auto info = FindDetail<google::rpc::ErrorInfo>(status);
  return info.has_value() ? info->reason() : "";
}

std::vector<FieldViolation> ErrorViolations(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  const auto bad = FindDetail<google::rpc::BadRequest>(status);
  if (!bad.has_value()) return violations;
  for (const auto& field : bad->field_violations()) {
    violations.push_back({field.field(), field.description()});
  }
  return violations;
}

std::string RequestIdOf(const absl::Status& status) {
  const absl::optional<absl::Cord> id = status.GetPayload(kRequestIdUrl);
  return id.has_value() ? std::string(*id) : "";
}

void SetRequestId(absl::string_view id, absl::Status& status) {
  status.SetPayload(kRequestIdUrl, absl::Cord(id));
}

}  // namespace lockstep
