#ifndef LOCKSTEP_CLIENT_CLI_RANK_FLAG_H_
#define LOCKSTEP_CLIENT_CLI_RANK_FLAG_H_

// --rank 0|all, of logs and metrics.

#include <string>

#include "absl/status/statusor.h"

namespace lockstep::cli {

// One that is not "all". INVALID_ARGUMENT names what was given.
absl::StatusOr<int> ParseRank(const std::string& text);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_RANK_FLAG_H_
