#ifndef LOCKSTEP_PROTO_CONTRACT_USER_NAME_H_
#define LOCKSTEP_PROTO_CONTRACT_USER_NAME_H_

// How users are called: in token files, in certificates, as owners of jobs.

#include "absl/strings/string_view.h"

namespace lockstep {

// The callers that need no token file: whom the UNIX socket lets in, and who
// has the coordinator's own token.
inline constexpr char kLocalPrincipal[] = "local";
inline constexpr char kAdminPrincipal[] = "admin";

// Whether it follows kUserNameRule.
bool IsValidUserName(absl::string_view name);

// For error messages, behind "is no name of a user: ".
inline constexpr char kUserNameRule[] =
    "letters, digits and .-_@+:/ are allowed, at most 128; local, admin, "
    "anybody and jobs/... are taken";

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_USER_NAME_H_
