#ifndef LOCKSTEP_CLIENT_CLIENT_OPTIONS_H_
#define LOCKSTEP_CLIENT_CLIENT_OPTIONS_H_

// Which coordinator a client talks to, and how. Flags win over the
// environment, which wins over the place where lockstepd listens by default.

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/contract/tls_channel.h"

namespace lockstep {

struct ClientOptions {
  // "unix:/path" or "host:port".
  std::string server;
  // Bearer token; empty for none. A UNIX socket needs none.
  std::string token;
  // For host:port; not used on a UNIX socket.
  TlsIdentity tls;
  // Deadline of every call but the streams.
  absl::Duration timeout = absl::Seconds(10);
  // How long a stream or a wait bears with a coordinator that is away.
  absl::Duration patience = absl::Minutes(2);
};

// The value of an environment variable; empty when it is not set.
using Environment = std::function<std::string(const char* name)>;
std::string ProcessEnvironment(const char* name);

// LOCKSTEP_SERVER, else the socket below XDG_RUNTIME_DIR, else the one in the
// state folder (XDG_STATE_HOME or ~/.local/state).
std::string DefaultServer(const Environment& environment);

// Where lockstepd leaves its first token, below the state folder.
std::string DefaultTokenFile(const Environment& environment);

// Flags; empty when not given. Then the environment says it: LOCKSTEP_SERVER,
// LOCKSTEP_TOKEN_FILE, LOCKSTEP_TLS_CA, LOCKSTEP_TLS_CERT, LOCKSTEP_TLS_KEY.
struct ClientFlags {
  std::string server;
  std::string token_file;
  TlsFiles tls;
};

// Another host is refused without TLS, as a token in clear text would be
// anybody's. INVALID_ARGUMENT and NOT_FOUND name the flag or file.
absl::StatusOr<ClientOptions> ResolveClientOptions(
    const ClientFlags& flags, const Environment& environment);

}  // namespace lockstep

#endif  // LOCKSTEP_CLIENT_CLIENT_OPTIONS_H_
