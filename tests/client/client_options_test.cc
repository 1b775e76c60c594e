#include "client/client_options.h"

#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

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
  const auto options = ResolveClientOptions(
      "unix:/flag.sock", "", Fake({{"LOCKSTEP_SERVER", "unix:/env.sock"}}));

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
  const auto options =
      ResolveClientOptions("127.0.0.1:7000", TokenFile("secret\n"), Fake({}));

  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->token, "secret");
}

TEST(ClientOptionsTest, AMissingTokenFileIsNamed) {
  const auto options =
      ResolveClientOptions("127.0.0.1:7000", "/nonexistent/token", Fake({}));

  EXPECT_EQ(options.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(options.status().message(), HasSubstr("/nonexistent/token"));
}

TEST(ClientOptionsTest, AnEmptyTokenFileIsRefused) {
  EXPECT_FALSE(
      ResolveClientOptions("127.0.0.1:7000", TokenFile("\n"), Fake({})).ok());
}

TEST(ClientOptionsTest, AnotherHostIsRefusedWithoutTls) {
  const auto options = ResolveClientOptions("10.1.2.3:7000", "", Fake({}));

  EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(options.status().message(), HasSubstr("TLS"));
}

TEST(ClientOptionsTest, NonsenseAddressesAreRefused) {
  for (const char* server : {"unix:", "nohost", ":7000", "localhost:0",
                             "localhost:99999", "localhost:x"}) {
    EXPECT_FALSE(ResolveClientOptions(server, "", Fake({})).ok()) << server;
  }
}

}  // namespace
}  // namespace lockstep
