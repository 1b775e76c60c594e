#include "proto/contract/certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "proto/contract/secret_file.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using CertificatePtr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

BioPtr OpenText(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
          BIO_free};
}

absl::Status BadFile(const char* flag, const std::string& path,
                     absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, " \"", path, "\": ", why));
}

CertificatePtr FirstCertificate(const std::string& pem) {
  const BioPtr text = OpenText(pem);
  CertificatePtr first(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr),
                       X509_free);
  ERR_clear_error();
  return first;
}

// A key with a passphrase gets none: nobody is there to ask.
int NoPassphrase(char*, int, int, void*) { return 0; }

}  // namespace

absl::StatusOr<std::string> ReadCertificates(const char* flag,
                                             const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file) return BadFile(flag, path, "the file cannot be read");
  std::string pem = std::move(content).str();
  if (FirstCertificate(pem) == nullptr) {
    return BadFile(flag, path,
                   "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
  }
  return pem;
}

absl::StatusOr<std::string> ReadKeyOf(const TlsFiles& files,
                                      const std::string& certificates) {
  absl::StatusOr<std::string> pem = ReadSecretFile(files.key);
  if (!pem.ok()) {
    return BadFile(TlsFiles::kKeyFlag, files.key, pem.status().message());
  }
  const BioPtr text = OpenText(*pem);
  const KeyPtr key(
      PEM_read_bio_PrivateKey(text.get(), nullptr, NoPassphrase, nullptr),
      EVP_PKEY_free);
  ERR_clear_error();
  if (key == nullptr) {
    return BadFile(TlsFiles::kKeyFlag, files.key,
                   "holds no private key in PEM without a passphrase");
  }
  const CertificatePtr certificate = FirstCertificate(certificates);
  const bool is_pair = certificate != nullptr &&
                       X509_check_private_key(certificate.get(), key.get());
  ERR_clear_error();
  if (!is_pair) {
    return BadFile(
        TlsFiles::kKeyFlag, files.key,
        absl::StrCat("is not the key of the certificate in ", files.cert));
  }
  return pem;
}

absl::StatusOr<absl::Time> ExpiryOf(const std::string& certificates) {
  const CertificatePtr certificate = FirstCertificate(certificates);
  tm expiry{};
  if (certificate == nullptr ||
      ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &expiry) != 1) {
    return absl::InvalidArgumentError("no certificate with an end");
  }
  return absl::FromTimeT(timegm(&expiry));
}

}  // namespace lockstep
