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
  // Of a context that was named on the command line the environment knows
  // nothing.
  const auto of_context = [&](const std::string& value, const char* variable) {
    const bool environment_wins =
        flags.context.empty() && !environment(variable).empty();
    return environment_wins ? "" : value;
  };
  if (flags.token_file.empty()) {
    endpoint.token_file =
        of_context(context->token_file(), "LOCKSTEP_TOKEN_FILE");
  }
  endpoint.tls_ca = of_context(context->tls_ca(), "LOCKSTEP_TLS_CA");
  endpoint.tls_cert = of_context(context->tls_cert(), "LOCKSTEP_TLS_CERT");
  endpoint.tls_key = of_context(context->tls_key(), "LOCKSTEP_TLS_KEY");
  endpoint.alone = !flags.context.empty();
  return endpoint;
}

}  // namespace lockstep::cli
