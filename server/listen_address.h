#ifndef LOCKSTEP_SERVER_LISTEN_ADDRESS_H_
#define LOCKSTEP_SERVER_LISTEN_ADDRESS_H_

// Where lockstepd may be reached, and who from: a UNIX socket and this host as
// they are, other hosts only by TLS.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/contract/certificates.h"

namespace lockstep {

// How TCP is guarded; a UNIX socket is by its file's permissions.
struct ListenTls {
  // What lockstepd shows: PEM files, both or neither.
  std::string cert;
  std::string key;
  // Callers may show certificates of this CA instead of a token; may be empty.
  std::string client_ca;
  // Processes of jobs trust this CA when they dial TCP; may be empty.
  std::string ca;

  bool enabled() const { return !cert.empty(); }
};

// INVALID_ARGUMENT naming the flag, its value and what is allowed.
absl::Status InvalidFlag(absl::string_view flag, absl::string_view value,
                         absl::string_view why);

// Every address, and that the files go together and are good.
absl::Status CheckListen(const std::vector<std::string>& addresses,
                         const ListenTls& tls);

// The address that processes of jobs on this host dial: the first UNIX socket,
// else the first port that is known before it is opened.
absl::StatusOr<std::string> AddressForWorkers(
    const std::vector<std::string>& addresses, const ListenTls& tls);

// The address that processes on other hosts dial: the first of --listen that is
// one of another host's network, by TLS.
absl::StatusOr<std::string> AddressForHosts(
    const std::vector<std::string>& addresses, const ListenTls& tls);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LISTEN_ADDRESS_H_
