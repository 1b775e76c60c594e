#ifndef LOCKSTEP_SERVER_SERVICE_TOKEN_FILE_H_
#define LOCKSTEP_SERVER_SERVICE_TOKEN_FILE_H_

// The file of lockstepd --tokens: who may call, by which token or certificate,
// and as what. One a line:
//
//   NAME SHA256_HEX [ROLE] [expires TIME] [revoked] [# comment]
//   NAME certificate [ROLE] [revoked] [# comment]
//
// The first is a bearer token, by its digest; several of one NAME are several
// tokens of one person. The second says what the bearer of a client certificate
// with that name may do. ROLE is viewer, user (when it is left out) or admin,
// TIME as in 2027-01-31T12:00:00Z.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/service/principal.h"

namespace lockstep {

struct UserEntry {
  std::string name;
  Role role = Role::kUser;
  // Of the token; empty for a certificate.
  std::string digest;
  absl::Time expires = absl::InfiniteFuture();
  bool revoked = false;
};

// INVALID_ARGUMENT names the line, what is wrong with it and what is allowed.
absl::StatusOr<std::vector<UserEntry>> ParseTokenFile(absl::string_view text);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_TOKEN_FILE_H_
