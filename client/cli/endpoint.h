#ifndef LOCKSTEP_CLIENT_CLI_ENDPOINT_H_
#define LOCKSTEP_CLIENT_CLI_ENDPOINT_H_

// Which coordinator the user means. Flags win over the environment, which wins
// over the config file:
//
//   --server, --context, $LOCKSTEP_SERVER, $LOCKSTEP_CONTEXT, `current`
//
// A context's token and certificates go to its own server alone: they count
// only where the server is the context's.

#include <string>

#include "absl/status/statusor.h"
#include "client/client_options.h"

namespace lockstep::cli {

// Empty fields are left to the environment and to defaults
// (ResolveClientOptions).
struct Endpoint {
  std::string context;  // Its name; empty when none is used.
  std::string server;
  std::string token_file;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  // Whether the environment's token and certificates are not for it: they
  // belong to another coordinator.
  bool alone = false;
};

struct EndpointFlags {
  std::string server;
  std::string token_file;
  std::string context;
};

// INVALID_ARGUMENT: the config file is broken. NOT_FOUND: there is no such
// context.
absl::StatusOr<Endpoint> ChooseEndpoint(const EndpointFlags& flags,
                                        const Environment& environment);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_ENDPOINT_H_
