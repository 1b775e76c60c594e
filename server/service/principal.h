#ifndef LOCKSTEP_SERVER_SERVICE_PRINCIPAL_H_
#define LOCKSTEP_SERVER_SERVICE_PRINCIPAL_H_

// Who calls, and what they may do at most.

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/scheduler/attempt_tokens.h"

namespace lockstep {

// Each may do what those before it may.
enum class Role {
  // Nothing.
  kNone,
  // See everything.
  kViewer,
  // Make jobs, and change their own.
  kUser,
  // Change every job, the queues, the devices and the coordinator.
  kAdmin,
};

// "viewer", "user", "admin"; "nobody".
absl::string_view RoleName(Role role);
std::optional<Role> ParseRole(absl::string_view name);

struct Principal {
  std::string name;
  Role role = Role::kNone;
  // Set for workers.
  std::optional<AttemptRef> attempt;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_PRINCIPAL_H_
