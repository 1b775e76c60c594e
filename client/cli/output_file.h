#ifndef LOCKSTEP_CLIENT_CLI_OUTPUT_FILE_H_
#define LOCKSTEP_CLIENT_CLI_OUTPUT_FILE_H_

// A file that a command makes (lockstep report, lockstep trace).

#include <string>

#include "absl/status/status.h"

namespace lockstep::cli {

// Whole or not at all; replaces an earlier one.
absl::Status WriteOutputFile(const std::string& path,
                             const std::string& content);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_OUTPUT_FILE_H_
