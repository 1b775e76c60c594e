#include "proto/contract/certificates.h"

#include <sys/stat.h>

#include <fstream>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/tls_channel.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_certificates.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CertificatesTest : public ::testing::Test {
 protected:
  CertificatesTest() {
    ca_.Write(files_.ca);
    ca_.Issue({.common_name = "alice"}, files_.cert, files_.key);
  }

  static std::string Error(const TlsFiles& files) {
    return std::string(LoadTls(files).status().message());
  }
  std::string Garbage() {
    std::ofstream(dir_.Path("garbage")) << "-----BEGIN NOTHING-----\n";
    chmod(dir_.Path("garbage").c_str(), 0600);
    return dir_.Path("garbage");
  }

  testing::ScopedTempDir dir_;
  const TlsFiles files_ = {.ca = dir_.Path("ca.pem"),
                           .cert = dir_.Path("cert.pem"),
                           .key = dir_.Path("key.pem")};
  testing::TestCa ca_;
};

TEST_F(CertificatesTest, NothingIsReadWithoutACa) {
  const auto tls = LoadTls({});
  ASSERT_TRUE(tls.ok());
  EXPECT_FALSE(tls->enabled());
}

TEST_F(CertificatesTest, ReadsThemAll) {
  const auto tls = LoadTls(files_);
  ASSERT_TRUE(tls.ok()) << tls.status();
  EXPECT_TRUE(tls->enabled());
  EXPECT_THAT(tls->cert, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_THAT(tls->key, HasSubstr("BEGIN PRIVATE KEY"));
}

TEST_F(CertificatesTest, NamesTheFlagAndWhatIsWrongWithItsFile) {
  EXPECT_THAT(Error({.ca = "/none"}),
              HasSubstr("--tls-ca \"/none\": the file cannot be read"));
  EXPECT_THAT(Error({.ca = Garbage()}),
              AllOf(HasSubstr("--tls-ca \""), HasSubstr("no certificate")));
  EXPECT_THAT(Error({.ca = files_.ca, .cert = files_.cert}),
              HasSubstr("--tls-cert and --tls-key belong together"));
  EXPECT_THAT(Error({.cert = files_.cert, .key = files_.key}),
              AllOf(HasSubstr("--tls-cert"), HasSubstr("needs --tls-ca")));
  TlsFiles files = files_;
  files.cert = Garbage();
  EXPECT_THAT(Error(files),
              AllOf(HasSubstr("--tls-cert \""), HasSubstr("no certificate")));
  files = files_;
  files.key = Garbage();
  EXPECT_THAT(Error(files),
              AllOf(HasSubstr("--tls-key \""), HasSubstr("no private key")));
  files.key = "/none";
  EXPECT_THAT(Error(files), HasSubstr("--tls-key \"/none\": "));
}

TEST_F(CertificatesTest, TheKeyIsForItsOwnerAndGoesWithTheCertificate) {
  testing::TestCa().Issue({.common_name = "bob"}, dir_.Path("other.pem"),
                          dir_.Path("other.key"));
  TlsFiles files = files_;
  files.key = dir_.Path("other.key");
  EXPECT_THAT(Error(files),
              HasSubstr("is not the key of the certificate in " + files_.cert));
  chmod(files_.key.c_str(), 0644);
  EXPECT_THAT(Error(files_),
              AllOf(HasSubstr("--tls-key \"" + files_.key), HasSubstr("0644"),
                    Not(HasSubstr("PRIVATE KEY"))));
}

TEST_F(CertificatesTest, KnowsWhenOneExpires) {
  const auto expiry =
      ExpiryOf(ReadCertificates(TlsFiles::kCertFlag, files_.cert).value_or(""));
  ASSERT_TRUE(expiry.ok()) << expiry.status();
  EXPECT_NEAR(absl::ToDoubleSeconds(*expiry - absl::Now()), 3600, 60);
  EXPECT_FALSE(ExpiryOf("").ok());
}

}  // namespace
}  // namespace lockstep
