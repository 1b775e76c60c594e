#include "server/service/access.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

struct Row {
  absl::string_view method;
  AccessRule rule;
};

constexpr Row kTable[] = {
    {"grpc.health.v1.Health/Check", AccessRule::kAnybody},
    {"grpc.health.v1.Health/Watch", AccessRule::kAnybody},
    {"lockstep.v1.ClusterService/BackupStore", AccessRule::kUser},
    {"lockstep.v1.ClusterService/CreateQueue", AccessRule::kUser},
    {"lockstep.v1.ClusterService/DeleteQueue", AccessRule::kUser},
    {"lockstep.v1.ClusterService/DrainDevice", AccessRule::kUser},
    {"lockstep.v1.ClusterService/DrainServer", AccessRule::kUser},
    {"lockstep.v1.ClusterService/GetServerConfig", AccessRule::kUser},
    {"lockstep.v1.ClusterService/GetServerInfo", AccessRule::kUser},
    {"lockstep.v1.ClusterService/ListNodes", AccessRule::kUser},
    {"lockstep.v1.ClusterService/ListQueues", AccessRule::kUser},
    {"lockstep.v1.ClusterService/UndrainDevice", AccessRule::kUser},
    {"lockstep.v1.ClusterService/UndrainServer", AccessRule::kUser},
    {"lockstep.v1.ClusterService/UpdateQueue", AccessRule::kUser},
    {"lockstep.v1.JobService/CancelJob", AccessRule::kUser},
    {"lockstep.v1.JobService/CreateJob", AccessRule::kUser},
    {"lockstep.v1.JobService/DeleteJob", AccessRule::kUser},
    {"lockstep.v1.JobService/ExplainJob", AccessRule::kUser},
    {"lockstep.v1.JobService/GetJob", AccessRule::kUser},
    {"lockstep.v1.JobService/ListCheckpoints", AccessRule::kUser},
    {"lockstep.v1.JobService/ListEvents", AccessRule::kUser},
    {"lockstep.v1.JobService/ListJobs", AccessRule::kUser},
    {"lockstep.v1.JobService/PauseJob", AccessRule::kUser},
    {"lockstep.v1.JobService/ResumeJob", AccessRule::kUser},
    {"lockstep.v1.JobService/StreamLogs", AccessRule::kUser},
    {"lockstep.v1.JobService/StreamMetrics", AccessRule::kUser},
    {"lockstep.v1.JobService/UpdateCheckpoint", AccessRule::kUser},
    {"lockstep.v1.JobService/UpdateJob", AccessRule::kUser},
    {"lockstep.v1.JobService/WatchJobs", AccessRule::kUser},
    {"lockstep.worker.v1.WorkerService/Attach", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/CommitCheckpoint", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/Heartbeat", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/Join", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/Report", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/ReportPrepared", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/SetKey", AccessRule::kWorker},
    {"lockstep.worker.v1.WorkerService/WaitKey", AccessRule::kWorker},
};

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

Access::Access(absl::string_view admin_token, const AttemptTokens& attempts)
    : admin_digest_(TokenDigest(admin_token)), attempts_(attempts) {}

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
      return Principal{"anybody", std::nullopt};
    case AccessRule::kUser:
      return CheckUser(origin);
    case AccessRule::kWorker:
      return CheckWorker(origin);
  }
  return errors::TokenInvalid();
}

absl::StatusOr<Principal> Access::CheckUser(const CallOrigin& origin) const {
  if (origin.authorization.empty() && IsLocal(origin.peer)) {
    return Principal{"local", std::nullopt};
  }
  ASSIGN_OR_RETURN(const absl::string_view token, TokenOf(origin));
  // Digests are compared: the time it takes tells nothing about the token.
  if (TokenDigest(token) != admin_digest_) return errors::TokenInvalid();
  return Principal{"admin", std::nullopt};
}

absl::StatusOr<Principal> Access::CheckWorker(const CallOrigin& origin) const {
  ASSIGN_OR_RETURN(const absl::string_view token, TokenOf(origin));
  std::optional<AttemptRef> attempt = attempts_.Find(token);
  if (!attempt.has_value()) return errors::TokenInvalid();
  std::string name = attempt->job;
  return Principal{std::move(name), std::move(attempt)};
}

}  // namespace lockstep
