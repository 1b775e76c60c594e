#include "server/listen_address.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/contract/loopback.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

// sockaddr_un holds 108 bytes with the zero at the end.
constexpr size_t kLongestSocketPath = 107;

bool IsUnix(absl::string_view address) {
  return absl::StartsWith(address, "unix:");
}

absl::string_view HostOf(absl::string_view address) {
  return address.substr(0, address.rfind(':'));
}

bool IsEveryAddress(absl::string_view host) {
  return host == "0.0.0.0" || host == "[::]" || host == "*";
}

absl::StatusOr<int> PortOf(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 ||
      port > 65535) {
    return InvalidFlag("listen", address, "neither unix:/path nor host:port");
  }
  return port;
}

absl::Status CheckSocket(absl::string_view address) {
  const absl::string_view path = absl::StripPrefix(address, "unix:");
  if (!absl::StartsWith(path, "/")) {
    return InvalidFlag("listen", address, "the socket's path must be absolute");
  }
  if (path.size() > kLongestSocketPath) {
    return InvalidFlag(
        "listen", address,
        absl::StrCat("the socket's path has ", path.size(), " bytes; at most ",
                     kLongestSocketPath, " are possible"));
  }
  return absl::OkStatus();
}

absl::Status CheckAddress(absl::string_view address, bool with_tls) {
  if (IsUnix(address)) return CheckSocket(address);
  RETURN_IF_ERROR(PortOf(address).status());
  if (with_tls || IsLoopback(HostOf(address))) return absl::OkStatus();
  return InvalidFlag("listen", address,
                     "other hosts are served by TLS only: give --tls-cert and "
                     "--tls-key; or use unix:/path or 127.0.0.1:port (and ssh "
                     "-L from elsewhere)");
}

absl::Status CheckTogether(const std::vector<std::string>& addresses,
                           const ListenTls& tls) {
  if (tls.cert.empty() != tls.key.empty()) {
    return tls.cert.empty()
               ? InvalidFlag("tls-key", tls.key, "needs --tls-cert")
               : InvalidFlag("tls-cert", tls.cert, "needs --tls-key");
  }
  if (!tls.client_ca.empty() && !tls.enabled()) {
    return InvalidFlag("tls-client-ca", tls.client_ca,
                       "needs --tls-cert and --tls-key");
  }
  if (!tls.ca.empty() && !tls.enabled()) {
    return InvalidFlag("tls-ca", tls.ca, "needs --tls-cert and --tls-key");
  }
  if (tls.enabled() && std::all_of(addresses.begin(), addresses.end(),
                                   [](const auto& a) { return IsUnix(a); })) {
    return InvalidFlag("tls-cert", tls.cert,
                       "no address of --listen is host:port, and a UNIX socket "
                       "does without TLS");
  }
  return absl::OkStatus();
}

absl::Status CheckFiles(const ListenTls& tls) {
  if (!tls.enabled()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string certificates,
                   ReadCertificates(TlsFiles::kCertFlag, tls.cert));
  RETURN_IF_ERROR(
      ReadKeyOf({.cert = tls.cert, .key = tls.key}, certificates).status());
  if (!tls.client_ca.empty()) {
    RETURN_IF_ERROR(ReadCertificates("tls-client-ca", tls.client_ca).status());
  }
  if (!tls.ca.empty()) {
    RETURN_IF_ERROR(ReadCertificates(TlsFiles::kCaFlag, tls.ca).status());
  }
  return absl::OkStatus();
}

absl::Status CheckDialled(const std::string& address, const ListenTls& tls) {
  if (IsEveryAddress(HostOf(address))) {
    return InvalidFlag("listen", address,
                       "is no address that processes of jobs can dial; listen "
                       "on unix:/path as well");
  }
  if (!tls.enabled() || !tls.ca.empty()) return absl::OkStatus();
  return InvalidFlag("listen", address,
                     "processes of jobs dial it by TLS and need --tls-ca, the "
                     "CA that --tls-cert comes from; or listen on unix:/path "
                     "as well");
}

}  // namespace

absl::Status InvalidFlag(absl::string_view flag, absl::string_view value,
                         absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, " \"", value, "\": ", why));
}

absl::Status CheckListen(const std::vector<std::string>& addresses,
                         const ListenTls& tls) {
  if (addresses.empty()) return InvalidFlag("listen", "", "no address");
  RETURN_IF_ERROR(CheckTogether(addresses, tls));
  for (const std::string& address : addresses) {
    RETURN_IF_ERROR(CheckAddress(address, tls.enabled()));
  }
  RETURN_IF_ERROR(AddressForWorkers(addresses, tls).status());
  return CheckFiles(tls);
}

absl::StatusOr<std::string> AddressForWorkers(
    const std::vector<std::string>& addresses, const ListenTls& tls) {
  for (const std::string& address : addresses) {
    if (IsUnix(address)) return address;
  }
  for (const std::string& address : addresses) {
    ASSIGN_OR_RETURN(const int port, PortOf(address));
    if (port == 0) continue;
    RETURN_IF_ERROR(CheckDialled(address, tls));
    return address;
  }
  return InvalidFlag("listen", addresses.empty() ? "" : addresses[0],
                     "the processes of jobs need an address that is known "
                     "before they start: unix:/path or a port");
}

absl::StatusOr<std::string> AddressForHosts(
    const std::vector<std::string>& addresses, const ListenTls& tls) {
  for (const std::string& address : addresses) {
    if (IsUnix(address)) continue;
    ASSIGN_OR_RETURN(const int port, PortOf(address));
    if (port == 0 || IsLoopback(HostOf(address)) ||
        IsEveryAddress(HostOf(address))) {
      continue;
    }
    RETURN_IF_ERROR(CheckDialled(address, tls));
    return address;
  }
  return InvalidFlag(
      "listen", addresses.empty() ? "" : addresses[0],
      "--engine slurm needs host:port, with a host and a port by "
      "which the nodes of Slurm reach this one");
}

}  // namespace lockstep
