#ifndef LOCKSTEP_PROTO_CONTRACT_VERSION_H_
#define LOCKSTEP_PROTO_CONTRACT_VERSION_H_

// What this build is called.

#include <string>

#include "absl/strings/string_view.h"

namespace lockstep {

inline constexpr char kVersion[] = "0.1.0";

// The source revision that was checked out when the build was configured;
// "unknown" without git.
absl::string_view BuildRevision();

// "0.1.0 (revision)": what a program calls itself.
std::string VersionText();

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_VERSION_H_
