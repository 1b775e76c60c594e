#include "server/service/access.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/user_name.h"

namespace lockstep {
namespace {

struct Row {
  absl::string_view method;
  AccessRule rule;
};

constexpr Row kTable[] = {
    {"grpc.health.v1.Health/Check", AccessRule::kAnybody},
    {"grpc.health.v1.Health/Watch", AccessRule::kAnybody},
    {"lockstep.v1.ClusterService/BackupStore", AccessRule::kAdmin},
    {"lockstep.v1.ClusterService/CreateQueue", AccessRule::kAdmin},
    {"lockstep.v1.ClusterService/DeleteQueue", AccessRule::kAdmin},
    {"lockstep.v1.ClusterService/DrainDevice", AccessRule::kAdmin},
    {"lockstep.v1.ClusterService/DrainServer", AccessRule::kAdmin},
    {"lockstep.v1.ClusterService/GetServerConfig", AccessRule::kViewer},
    {"lockstep.v1.ClusterService/GetServerInfo", AccessRule::kViewer},
    {"lockstep.v1.ClusterService/ListNodes", AccessRule::kViewer},
    {"lockstep.v1.ClusterService/ListQueues", AccessRule::kViewer},
    {"lockstep.v1.ClusterService/UndrainDevice", AccessRule::kAdmin},
    {"lockstep.v1.ClusterService/UndrainServer", AccessRule::kAdmin},
    {"lockstep.v1.ClusterService/UpdateQueue", AccessRule::kAdmin},
    {"lockstep.v1.JobService/CancelJob", AccessRule::kOwner},
    {"lockstep.v1.JobService/CreateJob", AccessRule::kUser},
    {"lockstep.v1.JobService/DeleteJob", AccessRule::kOwner},
    {"lockstep.v1.JobService/ExplainJob", AccessRule::kViewer},
    {"lockstep.v1.JobService/GetJob", AccessRule::kViewer},
    {"lockstep.v1.JobService/ListCheckpoints", AccessRule::kViewer},
    {"lockstep.v1.JobService/ListEvents", AccessRule::kViewer},
    {"lockstep.v1.JobService/ListJobs", AccessRule::kViewer},
    {"lockstep.v1.JobService/PauseJob", AccessRule::kOwner},
    {"lockstep.v1.JobService/ResumeJob", AccessRule::kOwner},
    {"lockstep.v1.JobService/StreamLogs", AccessRule::kViewer},
    {"lockstep.v1.JobService/StreamMetrics", AccessRule::kViewer},
    {"lockstep.v1.JobService/UpdateCheckpoint", AccessRule::kOwner},
    {"lockstep.v1.JobService/UpdateJob", AccessRule::kOwner},
    {"lockstep.v1.JobService/WatchJobs", AccessRule::kViewer},
    {"lockstep.worker.v1.WorkerService/Attach", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/CommitCheckpoint", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/Heartbeat", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/Join", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/Report", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/ReportPrepared", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/SetKey", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/WaitKey", AccessRule::kWorker},
};

Role RoleFor(AccessRule rule) {
  switch (rule) {
    case AccessRule::kViewer:
      return Role::kViewer;
    case AccessRule::kUser:
    case AccessRule::kOwner:
      return Role::kUser;
    default:
      return Role::kAdmin;
  }
}

bool IsLocal(absl::string_view peer) { return absl::StartsWith(peer, "unix:"); }

// TOKEN_MISSING without one, TOKEN_INVALID when it is not "Bearer TOKEN".
absl::StatusOr<absl::string_view> TokenOf(const CallOrigin& origin) {
  if (origin.authorization.empty()) return errors::TokenMissing();
  absl::string_view token = origin.authorization;
  if (!absl::ConsumePrefix(&token, "Bearer ") || token.empty()) {
    return errors::TokenInvalid();
  }
  return token;
}

}  // namespace

Actor ActorOf(const Principal& principal) {
  return {principal.name, principal.role == Role::kAdmin};
}

Access::Access(absl::string_view admin_token, const AttemptTokens& attempts,
               UserDirectory& users, const Clock& clock)
    : admin_digest_(TokenDigest(admin_token)),
      attempts_(attempts),
      users_(users),
      clock_(clock),
      rejections_(clock) {}

std::optional<AccessRule> Access::RuleOf(absl::string_view method) {
  for (const Row& row : kTable) {
    if (row.method == method) return row.rule;
  }
  return std::nullopt;
}

absl::StatusOr<Principal> Access::Check(absl::string_view method,
                                        const CallOrigin& origin) const {
  const std::optional<AccessRule> rule = RuleOf(method);
  if (!rule.has_value()) {
    return errors::Error(absl::StatusCode::kPermissionDenied, "NO_ACCESS_RULE",
                         absl::StrCat(method, " is open to nobody"));
  }
  switch (*rule) {
    case AccessRule::kAnybody:
      return Principal{"anybody", Role::kNone, std::nullopt};
    case AccessRule::kWorker:
      return CheckWorker(origin);
    default:
      return CheckUser(method, *rule, origin);
  }
}

absl::StatusOr<Principal> Access::CheckUser(absl::string_view method,
                                            AccessRule rule,
                                            const CallOrigin& origin) const {
  ASSIGN_OR_RETURN(Principal principal, FindUser(origin));
  const Role wanted = RoleFor(rule);
  if (principal.role >= wanted) return principal;
  return errors::Error(
      absl::StatusCode::kPermissionDenied, "ROLE_TOO_LOW",
      absl::StrCat(principal.name, " has the role ", RoleName(principal.role),
                   "; ", method, " wants ", RoleName(wanted)),
      {{"principal", principal.name},
       {"role", std::string(RoleName(principal.role))},
       {"wanted", std::string(RoleName(wanted))}});
}

absl::StatusOr<Principal> Access::FindUser(const CallOrigin& origin) const {
  if (origin.authorization.empty()) {
    if (IsLocal(origin.peer)) {
      return Principal{kLocalPrincipal, Role::kAdmin, std::nullopt};
    }
    if (!origin.certificate.empty()) {
      return users_.FindCertificate(origin.certificate);
    }
  }
  ASSIGN_OR_RETURN(const absl::string_view token, TokenOf(origin));
  if (SameDigest(TokenDigest(token), admin_digest_)) {
    return Principal{kAdminPrincipal, Role::kAdmin, std::nullopt};
  }
  return users_.FindToken(token, clock_.WallTime());
}

absl::StatusOr<Principal> Access::CheckWorker(const CallOrigin& origin) const {
  ASSIGN_OR_RETURN(const absl::string_view token, TokenOf(origin));
  std::optional<AttemptRef> attempt = attempts_.Find(token);
  if (!attempt.has_value()) return errors::TokenInvalid();
  std::string name = attempt->job;
  return Principal{std::move(name), Role::kNone, std::move(attempt)};
}

}  // namespace lockstep
