#ifndef LOCKSTEP_PROTO_CONTRACT_CERTIFICATES_H_
#define LOCKSTEP_PROTO_CONTRACT_CERTIFICATES_H_

// PEM files of certificates and keys, checked when a program starts: gRPC says
// of a bad one only that no handshake succeeds.

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lockstep {

// Where a side of a TLS connection finds what it shows and whom it trusts.
struct TlsFiles {
  // Certificates of the CAs that the other side's must come from.
  std::string ca;
  // One's own certificate, with those between it and its CA; and its key.
  std::string cert;
  std::string key;

  // Messages name the flags --tls-ca, --tls-cert and --tls-key.
  static constexpr char kCaFlag[] = "tls-ca";
  static constexpr char kCertFlag[] = "tls-cert";
  static constexpr char kKeyFlag[] = "tls-key";
};

// The text of a PEM file with one certificate at least. The error names `flag`,
// the file and what is wrong.
absl::StatusOr<std::string> ReadCertificates(const char* flag,
                                             const std::string& path);

// The text of a PEM file with a private key that goes with the first of the
// certificates; a secret file (secret_file.h).
absl::StatusOr<std::string> ReadKeyOf(const TlsFiles& files,
                                      const std::string& certificates);

// When the first of the certificates expires.
absl::StatusOr<absl::Time> ExpiryOf(const std::string& certificates);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_CERTIFICATES_H_
