#ifndef LOCKSTEP_CLIENT_CLI_CONFIG_FILE_H_
#define LOCKSTEP_CLIENT_CLI_CONFIG_FILE_H_

// The user's config file: coordinators by name, so that nobody types --server.
//
//   current: lab
//   contexts:
//     - name: lab
//       server: gpu1.example.com:7000
//       token_file: /home/me/lab.token

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/config.pb.h"
#include "client/client_options.h"

namespace lockstep::cli {

// $LOCKSTEP_CONFIG, else lockstep/config.yaml below $XDG_CONFIG_HOME or
// ~/.config; empty when there is no home either.
std::string ConfigPath(const Environment& environment);

// Empty when there is no such file. INVALID_ARGUMENT names every mistake in it,
// each as path:line:column on a line of its own.
absl::StatusOr<Config> ReadConfig(const std::string& path);

// Whole or not at all, for its owner alone; makes its folder. What a person
// wrote beside the values, comments and order, is not kept.
absl::Status WriteConfig(const std::string& path, const Config& config);

// Null when there is none of that name.
const Context* FindContext(const Config& config, const std::string& name);

// NOT_FOUND with what there is.
absl::Status NoSuchContext(const Config& config, const std::string& name,
                           const std::string& path);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_CONFIG_FILE_H_
