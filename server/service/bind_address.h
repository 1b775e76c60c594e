#ifndef LOCKSTEP_SERVER_SERVICE_BIND_ADDRESS_H_
#define LOCKSTEP_SERVER_SERVICE_BIND_ADDRESS_H_

// Where a rank listens for the other ranks: at the address by which its host
// reaches the coordinator, since by that the hosts of a cluster reach each
// other. Pure.

#include <string>

#include "absl/strings/string_view.h"

namespace lockstep {

// Where ranks listen that are all on one host.
inline constexpr char kLoopbackAddress[] = "127.0.0.1";

// `peer` as gRPC names it: ipv4:10.0.0.7:51234, ipv6:[fd00::7]:51234 (percent
// signs may stand for the brackets), unix:. Ranks that come by loopback, or by
// a UNIX socket, are on one host and stay on loopback.
std::string BindAddress(absl::string_view peer);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_BIND_ADDRESS_H_
