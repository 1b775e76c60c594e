#ifndef LOCKSTEP_SERVER_SERVICE_ACCESS_H_
#define LOCKSTEP_SERVER_SERVICE_ACCESS_H_

// Who may call what: one table in access.cc, one row an RPC; a test fails when
// an RPC has none.
//
// A user is whoever may open the UNIX socket (file permissions guard it;
// principal "local"), or brings the admin token (principal "admin"). TCP,
// loopback too, always wants the token: any local user can connect to it. A
// worker brings the token of its attempt, on any address.
//
// Thread-safe.

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/scheduler/attempt_tokens.h"

namespace lockstep {

enum class AccessRule { kAnybody, kUser, kWorker };

// Where a call comes from.
struct CallOrigin {
  // As gRPC names it: "unix:...", "ipv4:127.0.0.1:4711".
  std::string peer;
  // The metadata "authorization"; empty when there is none.
  std::string authorization;
};

// Who calls.
struct Principal {
  std::string name;
  // Set for workers.
  std::optional<AttemptRef> attempt;
};

class Access {
 public:
  // Only the digest of the admin token is kept.
  Access(absl::string_view admin_token, const AttemptTokens& attempts);

  // `method` is package.Service/Method. UNAUTHENTICATED: TOKEN_MISSING,
  // TOKEN_INVALID.
  absl::StatusOr<Principal> Check(absl::string_view method,
                                  const CallOrigin& origin) const;

  // Whether a worker that was let in would be let in still: its token goes when
  // its attempt ends. Takes no digest, so that a stream may ask at each
  // message.
  bool IsLive(const AttemptRef& attempt) const {
    return attempts_.Has(attempt);
  }

  // None for an RPC that is not in the table: nobody may call it.
  static std::optional<AccessRule> RuleOf(absl::string_view method);

 private:
  absl::StatusOr<Principal> CheckUser(const CallOrigin& origin) const;
  absl::StatusOr<Principal> CheckWorker(const CallOrigin& origin) const;

  const std::string admin_digest_;
  const AttemptTokens& attempts_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_ACCESS_H_
