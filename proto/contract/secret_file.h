#ifndef LOCKSTEP_PROTO_CONTRACT_SECRET_FILE_H_
#define LOCKSTEP_PROTO_CONTRACT_SECRET_FILE_H_

// Reads a file that nobody but its owner may read: a private key, a list of
// tokens. Its content goes into no message.

#include <string>

#include "absl/status/statusor.h"

namespace lockstep {

// FAILED_PRECONDITION, naming the file, unless it is a regular file of mode
// 0600 or stricter, of 1 MiB at most; NOT_FOUND when there is none. Links are
// followed: tools that renew certificates make them.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_SECRET_FILE_H_
