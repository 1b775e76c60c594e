#include "client/client_options.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/loopback.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

std::string StateFolder(const Environment& environment) {
  const std::string state = environment("XDG_STATE_HOME");
  if (!state.empty()) return state + "/lockstep";
  const std::string home = environment("HOME");
  return (home.empty() ? "/tmp" : home + "/.local/state") + "/lockstep";
}

absl::Status CheckAddress(absl::string_view server) {
  if (absl::StartsWith(server, "unix:")) {
    return server.size() > 5 ? absl::OkStatus()
                             : absl::InvalidArgumentError(
                                   "--server \"unix:\" names no socket");
  }
  const size_t colon = server.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(server.substr(colon + 1), &port) || port < 1 ||
      port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--server \"", server, "\" is neither unix:/path nor host:port"));
  }
  return absl::OkStatus();
}

bool IsAnotherHost(absl::string_view server) {
  return !absl::StartsWith(server, "unix:") &&
         !IsLoopback(server.substr(0, server.rfind(':')));
}

absl::Status CheckTrust(const ClientOptions& options) {
  if (options.tls.enabled() || !IsAnotherHost(options.server)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--server \"", options.server,
      "\" is another host, which needs TLS: give --tls-ca, the file of the CA "
      "that its certificate comes from; or use unix:/path or 127.0.0.1:port "
      "(for instance through ssh -L)"));
}

std::string FlagOr(const std::string& flag, const Environment& environment,
                   const char* variable) {
  return flag.empty() ? environment(variable) : flag;
}

absl::StatusOr<TlsIdentity> ResolveTls(const TlsFiles& flags,
                                       const Environment& environment) {
  return LoadTls({.ca = FlagOr(flags.ca, environment, "LOCKSTEP_TLS_CA"),
                  .cert = FlagOr(flags.cert, environment, "LOCKSTEP_TLS_CERT"),
                  .key = FlagOr(flags.key, environment, "LOCKSTEP_TLS_KEY")});
}

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  std::string token(absl::StripAsciiWhitespace(content.str()));
  if (!file || token.empty()) {
    return absl::NotFoundError(
        absl::StrCat("token file \"", path, "\" cannot be read or is empty"));
  }
  // gRPC ends the process for less.
  if (!std::all_of(token.begin(), token.end(), absl::ascii_isgraph)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "token file \"", path, "\" holds more than one word of ASCII"));
  }
  return token;
}

}  // namespace

std::string ProcessEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string DefaultServer(const Environment& environment) {
  std::string server = environment("LOCKSTEP_SERVER");
  if (!server.empty()) return server;
  const std::string runtime = environment("XDG_RUNTIME_DIR");
  const std::string folder =
      runtime.empty() ? StateFolder(environment) : runtime + "/lockstep";
  return absl::StrCat("unix:", folder, "/lockstepd.sock");
}

std::string DefaultTokenFile(const Environment& environment) {
  return StateFolder(environment) + "/admin.token";
}

absl::StatusOr<ClientOptions> ResolveClientOptions(
    const ClientFlags& flags, const Environment& environment) {
  ClientOptions options;
  options.server =
      flags.server.empty() ? DefaultServer(environment) : flags.server;
  RETURN_IF_ERROR(CheckAddress(options.server));
  const bool on_socket = absl::StartsWith(options.server, "unix:");
  if (!on_socket) {
    ASSIGN_OR_RETURN(options.tls, ResolveTls(flags.tls, environment));
  }
  RETURN_IF_ERROR(CheckTrust(options));
  const std::string token_file =
      FlagOr(flags.token_file, environment, "LOCKSTEP_TOKEN_FILE");
  if (!token_file.empty()) {
    ASSIGN_OR_RETURN(options.token, ReadToken(token_file));
  } else if (!on_socket && !IsAnotherHost(options.server) &&
             flags.tls.cert.empty()) {
    // The one of this host's coordinator, which is nobody else's business.
    // Without one the coordinator says what it wants.
    options.token = ReadToken(DefaultTokenFile(environment)).value_or("");
  }
  return options;
}

}  // namespace lockstep
