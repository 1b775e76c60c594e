#include "tests/testing/test_certificates.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdio>

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace lockstep::testing {
namespace {

// Distinct for each certificate of the process, as issuers must number theirs.
int64_t NextSerial() {
  static int64_t serial = 1000;
  return ++serial;
}

void SetName(X509_NAME* name, const std::string& common_name) {
  X509_NAME_add_entry_by_txt(
      name, "CN", MBSTRING_UTF8,
      reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
}

void AddExtension(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  ASSERT_NE(extension, nullptr) << value;
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

using FilePtr = std::unique_ptr<FILE, decltype(&fclose)>;

FilePtr OpenToWrite(const std::string& path) {
  FilePtr file(fopen(path.c_str(), "w"), fclose);
  EXPECT_NE(file, nullptr) << path;
  return file;
}

}  // namespace

TestCa::TestCa(const std::string& common_name)
    : key_(EVP_EC_gen("P-256"), EVP_PKEY_free),
      name_(common_name),
      certificate_(Make({.common_name = common_name}, key_.get(),
                        /*is_ca=*/true)) {}

TestCa::CertificatePtr TestCa::Make(const TestLeaf& leaf, EVP_PKEY* key,
                                    bool is_ca) const {
  CertificatePtr certificate(X509_new(), X509_free);
  X509* made = certificate.get();
  X509_set_version(made, 2);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(made), NextSerial());
  X509_gmtime_adj(X509_getm_notBefore(made), absl::ToInt64Seconds(leaf.begins));
  X509_gmtime_adj(X509_getm_notAfter(made), absl::ToInt64Seconds(leaf.ends));
  SetName(X509_get_subject_name(made), leaf.common_name);
  SetName(X509_get_issuer_name(made), name_);
  X509_set_pubkey(made, key);
  AddExtension(made, NID_basic_constraints,
               is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  if (!leaf.names.empty()) {
    AddExtension(made, NID_subject_alt_name, absl::StrJoin(leaf.names, ","));
  }
  X509_sign(made, key_.get(), EVP_sha256());
  return certificate;
}

void TestCa::Write(const std::string& path) const {
  const FilePtr file = OpenToWrite(path);
  PEM_write_X509(file.get(), certificate_.get());
}

void TestCa::Issue(const TestLeaf& leaf, const std::string& cert_path,
                   const std::string& key_path) const {
  const KeyPtr key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  PEM_write_X509(OpenToWrite(cert_path).get(),
                 Make(leaf, key.get(), /*is_ca=*/false).get());
  PEM_write_PrivateKey(OpenToWrite(key_path).get(), key.get(), nullptr, nullptr,
                       0, nullptr, nullptr);
  chmod(key_path.c_str(), 0600);
}

}  // namespace lockstep::testing
