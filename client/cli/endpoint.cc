#include "client/cli/endpoint.h"

#include "absl/status/status.h"
#include "client/cli/config_file.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {

absl::StatusOr<Endpoint> ChooseEndpoint(const EndpointFlags& flags,
                                        const Environment& environment) {
  Endpoint endpoint;
  endpoint.server = flags.server;
  endpoint.token_file = flags.token_file;
  std::string name = flags.context;
  if (!flags.server.empty() && !name.empty()) {
    return absl::InvalidArgumentError(
        "--server and --context both name a coordinator; one is enough");
  }
  if (!flags.server.empty()) return endpoint;
  if (name.empty() && !environment("LOCKSTEP_SERVER").empty()) return endpoint;
  if (name.empty()) name = environment("LOCKSTEP_CONTEXT");
  const std::string path = ConfigPath(environment);
  ASSIGN_OR_RETURN(const Config config, ReadConfig(path));
  if (name.empty()) name = config.current();
  if (name.empty()) return endpoint;
  const Context* context = FindContext(config, name);
  if (context == nullptr) return NoSuchContext(config, name, path);
  endpoint.context = name;
  endpoint.server = context->server();
  const bool environment_wins =
      flags.context.empty() && !environment("LOCKSTEP_TOKEN_FILE").empty();
  if (flags.token_file.empty() && !environment_wins) {
    endpoint.token_file = context->token_file();
  }
  endpoint.tls_ca = context->tls_ca();
  endpoint.tls_cert = context->tls_cert();
  endpoint.tls_key = context->tls_key();
  return endpoint;
}

}  // namespace lockstep::cli
