#include "client/client_options.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_certificates.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

Environment Fake(const std::map<std::string, std::string>& variables) {
  return [variables](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? "" : found->second;
  };
}

std::string TokenFile(const std::string& content) {
  std::string path = absl::StrCat(
      ::testing::TempDir(), "/token-",
      ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::ofstream(path) << content;
  return path;
}

TEST(ClientOptionsTest, TheFlagWinsOverTheEnvironment) {
  const auto options =
      ResolveClientOptions({.server = "unix:/flag.sock"},
                           Fake({{"LOCKSTEP_SERVER", "unix:/env.sock"}}));

  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->server, "unix:/flag.sock");
  EXPECT_EQ(options->token, "");
}

TEST(ClientOptionsTest, TheEnvironmentWinsOverTheDefault) {
  EXPECT_EQ(DefaultServer(Fake({{"LOCKSTEP_SERVER", "unix:/env.sock"},
                                {"XDG_RUNTIME_DIR", "/run/user/1"}})),
            "unix:/env.sock");
}

TEST(ClientOptionsTest, TheDefaultIsTheSocketOfTheUser) {
  EXPECT_EQ(DefaultServer(Fake({{"XDG_RUNTIME_DIR", "/run/user/1"}})),
            "unix:/run/user/1/lockstep/lockstepd.sock");
  EXPECT_EQ(DefaultServer(Fake({{"XDG_STATE_HOME", "/state"}})),
            "unix:/state/lockstep/lockstepd.sock");
  EXPECT_EQ(DefaultServer(Fake({{"HOME", "/home/u"}})),
            "unix:/home/u/.local/state/lockstep/lockstepd.sock");
}

TEST(ClientOptionsTest, TheTokenComesFromItsFileWithoutTheNewline) {
  const auto options = ResolveClientOptions(
      {.server = "127.0.0.1:7000", .token_file = TokenFile("secret\n")},
      Fake({}));

  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->token, "secret");
}

TEST(ClientOptionsTest, AMissingTokenFileIsNamed) {
  const auto options = ResolveClientOptions(
      {.server = "127.0.0.1:7000", .token_file = "/nonexistent/token"},
      Fake({}));

  EXPECT_EQ(options.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(options.status().message(), HasSubstr("/nonexistent/token"));
}

TEST(ClientOptionsTest, AnEmptyTokenFileIsRefused) {
  EXPECT_FALSE(
      ResolveClientOptions(
          {.server = "127.0.0.1:7000", .token_file = TokenFile("\n")}, Fake({}))
          .ok());
}

TEST(ClientOptionsTest, AnotherHostIsRefusedWithoutTls) {
  const auto options =
      ResolveClientOptions({.server = "10.1.2.3:7000"}, Fake({}));

  EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(options.status().message(), HasSubstr("give --tls-ca"));
}

class ClientTlsTest : public ::testing::Test {
 protected:
  ClientTlsTest() {
    ca_.Write(files_.ca);
    ca_.Issue({.common_name = "alice"}, files_.cert, files_.key);
  }

  testing::ScopedTempDir dir_;
  const TlsFiles files_ = {.ca = dir_.Path("ca.pem"),
                           .cert = dir_.Path("cert.pem"),
                           .key = dir_.Path("key.pem")};
  const testing::TestCa ca_;
};

TEST_F(ClientTlsTest, WithACaAnotherHostIsDialled) {
  const auto options = ResolveClientOptions(
      {.server = "10.1.2.3:7000", .tls = files_}, Fake({}));

  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->tls.enabled());
  EXPECT_NE(options->tls.cert, "");
}

TEST_F(ClientTlsTest, TheEnvironmentNamesTheFilesToo) {
  const auto options = ResolveClientOptions(
      {.server = "10.1.2.3:7000"}, Fake({{"LOCKSTEP_TLS_CA", files_.ca},
                                         {"LOCKSTEP_TLS_CERT", files_.cert},
                                         {"LOCKSTEP_TLS_KEY", files_.key}}));

  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_NE(options->tls.key, "");
}

TEST_F(ClientTlsTest, ABadFileIsNamed) {
  const auto options = ResolveClientOptions(
      {.server = "10.1.2.3:7000", .tls = {.ca = files_.key}}, Fake({}));

  EXPECT_THAT(options.status().message(),
              HasSubstr("--tls-ca \"" + files_.key));
}

TEST_F(ClientTlsTest, ASocketNeedsNone) {
  const auto options = ResolveClientOptions(
      {.server = "unix:/a.sock", .tls = {.ca = "/none"}}, Fake({}));

  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_FALSE(options->tls.enabled());
}

// It opens everything here, and the other host may be anybody's.
TEST_F(ClientTlsTest, TheAdminTokenOfThisHostStaysHere) {
  std::filesystem::create_directories(dir_.Path("lockstep"));
  std::ofstream(dir_.Path("lockstep/admin.token")) << "secret";
  const Environment environment = Fake({{"XDG_STATE_HOME", dir_.path()}});

  EXPECT_EQ(
      ResolveClientOptions({.server = "127.0.0.1:7000"}, environment)->token,
      "secret");
  EXPECT_EQ(ResolveClientOptions({.server = "10.1.2.3:7000", .tls = files_},
                                 environment)
                ->token,
            "");
}

TEST(ClientOptionsTest, NonsenseAddressesAreRefused) {
  for (const char* server : {"unix:", "nohost", ":7000", "localhost:0",
                             "localhost:99999", "localhost:x"}) {
    EXPECT_FALSE(ResolveClientOptions({.server = server}, Fake({})).ok())
        << server;
  }
}

}  // namespace
}  // namespace lockstep
