#ifndef LOCKSTEP_SERVER_SERVICE_ACCESS_H_
#define LOCKSTEP_SERVER_SERVICE_ACCESS_H_

// Who may call what: one table in access.cc, one row an RPC; a test fails when
// an RPC has none.
//
// A user is whoever may open the UNIX socket (file permissions guard it;
// principal "local"), brings the admin token (principal "admin"), or a token or
// a client certificate of the user directory. TCP, loopback too, always wants
// one: any local user can connect to it. A worker brings the token of its
// attempt, on any address.
//
// Whose job it is, is checked by the scheduler, where it cannot change between
// the check and the act (server/scheduler/actor.h).
//
// Thread-safe.

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/clock.h"
#include "server/scheduler/actor.h"
#include "server/scheduler/attempt_tokens.h"
#include "server/service/principal.h"
#include "server/service/rejection_log.h"
#include "server/service/user_directory.h"

namespace lockstep {

// Who may, at least: a role, the owner of the job that is named or an admin, or
// the workers of an attempt and nobody else.
enum class AccessRule { kAnybody, kViewer, kUser, kOwner, kAdmin, kWorker };

// Where a call comes from.
struct CallOrigin {
  // As gRPC names it: "unix:...", "ipv4:127.0.0.1:4711".
  std::string peer;
  // The metadata "authorization"; empty when there is none.
  std::string authorization;
  // Whom the client certificate names; empty when there is none. Its CA was
  // checked by gRPC.
  std::string certificate;
};

// The caller as the scheduler sees it.
Actor ActorOf(const Principal& principal);

class Access {
 public:
  // Only the digest of the admin token is kept.
  Access(absl::string_view admin_token, const AttemptTokens& attempts,
         UserDirectory& users, const Clock& clock);

  // `method` is package.Service/Method. UNAUTHENTICATED: TOKEN_MISSING,
  // TOKEN_INVALID, and those of UserDirectory. PERMISSION_DENIED: ROLE_TOO_LOW.
  absl::StatusOr<Principal> Check(absl::string_view method,
                                  const CallOrigin& origin) const;

  // Whether a worker that was let in would be let in still: its token goes when
  // its attempt ends. Takes no digest, so that a stream may ask at each
  // message.
  bool IsLive(const AttemptRef& attempt) const {
    return attempts_.Has(attempt);
  }

  RejectionLog& rejections() const { return rejections_; }

  // None for an RPC that is not in the table: nobody may call it.
  static std::optional<AccessRule> RuleOf(absl::string_view method);

 private:
  absl::StatusOr<Principal> CheckUser(absl::string_view method, AccessRule rule,
                                      const CallOrigin& origin) const;
  absl::StatusOr<Principal> FindUser(const CallOrigin& origin) const;
  absl::StatusOr<Principal> CheckWorker(const CallOrigin& origin) const;

  const std::string admin_digest_;
  const AttemptTokens& attempts_;
  UserDirectory& users_;
  const Clock& clock_;
  mutable RejectionLog rejections_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_ACCESS_H_
