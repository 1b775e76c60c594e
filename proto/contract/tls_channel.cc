#include "proto/contract/tls_channel.h"

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace lockstep {

absl::StatusOr<TlsIdentity> LoadTls(const TlsFiles& files) {
  TlsIdentity tls{.files = files};
  if (files.cert.empty() != files.key.empty()) {
    return absl::InvalidArgumentError(
        "--tls-cert and --tls-key belong together: give both or neither");
  }
  if (files.ca.empty()) {
    if (files.cert.empty()) return tls;
    return absl::InvalidArgumentError(absl::StrCat(
        "--tls-cert \"", files.cert,
        "\": needs --tls-ca, the CA that the coordinator's certificate must "
        "come from"));
  }
  ASSIGN_OR_RETURN(tls.ca, ReadCertificates(TlsFiles::kCaFlag, files.ca));
  if (files.cert.empty()) return tls;
  ASSIGN_OR_RETURN(tls.cert, ReadCertificates(TlsFiles::kCertFlag, files.cert));
  ASSIGN_OR_RETURN(tls.key, ReadKeyOf(files, tls.cert));
  return tls;
}

std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials(
    const TlsIdentity& tls) {
  if (!tls.enabled()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = tls.ca;
  options.pem_cert_chain = tls.cert;
  options.pem_private_key = tls.key;
  return grpc::SslCredentials(options);
}

}  // namespace lockstep
