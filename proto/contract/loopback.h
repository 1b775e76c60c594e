#ifndef LOCKSTEP_PROTO_CONTRACT_LOOPBACK_H_
#define LOCKSTEP_PROTO_CONTRACT_LOOPBACK_H_

// Whether an address is of this host alone: what lockstepd serves, and clients
// dial, without TLS. Pure.

#include "absl/strings/string_view.h"

namespace lockstep {

// Of "localhost:7000" the part before the port: localhost, [::1] or an address
// of 127.0.0.0/8. A name that begins like one is somebody else's.
bool IsLoopback(absl::string_view host);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_LOOPBACK_H_
