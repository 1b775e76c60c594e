#ifndef LOCKSTEP_TESTS_TESTING_TEST_CERTIFICATES_H_
#define LOCKSTEP_TESTS_TESTING_TEST_CERTIFICATES_H_

// A CA of a test's own and the certificates that it issues, made when the test
// runs: no key lies in the source tree, and none expires with it.

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace lockstep::testing {

struct TestLeaf {
  std::string common_name;
  // "DNS:coordinator.example", "IP:127.0.0.1", "URI:spiffe://a/b".
  std::vector<std::string> names;
  // From now.
  absl::Duration begins = -absl::Hours(1);
  absl::Duration ends = absl::Hours(1);
};

class TestCa {
 public:
  explicit TestCa(const std::string& common_name = "Test CA");

  // Its own certificate.
  void Write(const std::string& path) const;
  // A certificate and its key, the latter 0600.
  void Issue(const TestLeaf& leaf, const std::string& cert_path,
             const std::string& key_path) const;

 private:
  using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  using CertificatePtr = std::unique_ptr<X509, decltype(&X509_free)>;

  CertificatePtr Make(const TestLeaf& leaf, EVP_PKEY* key, bool is_ca) const;

  const KeyPtr key_;
  const std::string name_;
  const CertificatePtr certificate_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_TEST_CERTIFICATES_H_
