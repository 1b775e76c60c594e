#ifndef LOCKSTEP_PROTO_CONTRACT_TLS_CHANNEL_H_
#define LOCKSTEP_PROTO_CONTRACT_TLS_CHANNEL_H_

// How a client and a worker reach a coordinator that speaks TLS: they trust the
// CAs of one file and nobody else, whatever the host trusts.

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/security/credentials.h"
#include "proto/contract/certificates.h"

namespace lockstep {

// TlsFiles with their content, as they were read once. Without a CA: no TLS.
struct TlsIdentity {
  TlsFiles files;
  std::string ca;
  std::string cert;
  std::string key;

  bool enabled() const { return !ca.empty(); }
};

// INVALID_ARGUMENT names the flag, the file, and what is allowed. Nothing is
// read when no file is given.
absl::StatusOr<TlsIdentity> LoadTls(const TlsFiles& files);

// Insecure without TLS: for a UNIX socket and loopback.
std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials(
    const TlsIdentity& tls);

// Why no connection to `server` (host:port) comes about, when that is for want
// of trust: UNAUTHENTICATED with TLS_UNTRUSTED, TLS_WRONG_HOST, TLS_EXPIRED,
// TLS_NOT_YET_VALID, TLS_CLIENT_REFUSED, TLS_NOT_SPOKEN. gRPC tells of all of
// them only that the handshake failed, so this makes one of its own, up to the
// first byte, and sends nothing. OK when it finds no such trouble, or nobody.
// Blocks, for at most four seconds.
absl::Status ExplainTlsFailure(const std::string& server,
                               const TlsIdentity& tls);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_TLS_CHANNEL_H_
