#include "client/cli/config_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "client/cli/endpoint.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kTwo[] =
    "current: lab\n"
    "contexts:\n"
    "  - {name: lab, server: 'unix:/lab.sock', token_file: /lab.token}\n"
    "  - {name: far, server: 'far:7000', tls_ca: /far.pem}\n";

class ConfigFileTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }

  // What is wrong with it.
  std::string ErrorOf(const std::string& text) {
    const auto config = ReadConfig(Write(text));
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(config.status().message());
  }

  absl::StatusOr<Endpoint> Choose(
      const EndpointFlags& flags,
      std::map<std::string, std::string> variables = {}) {
    variables.emplace("LOCKSTEP_CONFIG", path_);
    return ChooseEndpoint(flags, [&variables](const char* name) {
      return variables.contains(name) ? variables.at(name) : std::string();
    });
  }

  lockstep::testing::ScopedTempDir dir_;
  const std::string path_ = dir_.path() + "/config.yaml";
};

TEST_F(ConfigFileTest, LiesWhereXdgSays) {
  std::map<std::string, std::string> variables = {
      {"LOCKSTEP_CONFIG", "/a.yaml"},
      {"XDG_CONFIG_HOME", "/x"},
      {"HOME", "/h"}};
  const Environment environment = [&variables](const char* name) {
    return variables[name];
  };
  EXPECT_EQ(ConfigPath(environment), "/a.yaml");
  variables["LOCKSTEP_CONFIG"].clear();
  EXPECT_EQ(ConfigPath(environment), "/x/lockstep/config.yaml");
  variables["XDG_CONFIG_HOME"].clear();
  EXPECT_EQ(ConfigPath(environment), "/h/.config/lockstep/config.yaml");
  variables["HOME"].clear();
  EXPECT_EQ(ConfigPath(environment), "");
}

TEST_F(ConfigFileTest, WhatIsWrittenIsRead) {
  const auto config = ReadConfig(Write(kTwo));
  ASSERT_TRUE(config.ok()) << config.status();
  const std::string copy = dir_.path() + "/sub/folder/config.yaml";
  for (int i = 0; i < 2; ++i) {  // The second time replaces the first.
    const absl::Status written = WriteConfig(copy, *config);
    ASSERT_TRUE(written.ok()) << written;
  }

  const auto again = ReadConfig(copy);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->DebugString(), config->DebugString());
  struct stat info {};
  ASSERT_EQ(stat(copy.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ConfigFileTest, WhatHasNoPlaceIsNotWritten) {
  Write("");
  EXPECT_THAT(WriteConfig(path_ + "/config.yaml", Config()).message(),
              HasSubstr(path_));
  const std::string folder = dir_.path() + "/taken";
  std::filesystem::create_directory(folder);
  EXPECT_FALSE(WriteConfig(folder, Config()).ok());
  EXPECT_FALSE(std::filesystem::exists(folder + ".new"));
}

TEST_F(ConfigFileTest, NoFileAndAnEmptyOneAreEmpty) {
  EXPECT_EQ(ReadConfig("")->contexts_size(), 0);
  EXPECT_EQ(ReadConfig(path_)->contexts_size(), 0);
  EXPECT_EQ(ReadConfig(Write("# nothing\n"))->contexts_size(), 0);
}

TEST_F(ConfigFileTest, MistakesAreShownAtTheirPlace) {
  EXPECT_THAT(ErrorOf("current: a\ncontexts:\n  - {name: a, server: x:1}\n"
                      "  - name: b\n    sever: y:1\n"),
              HasSubstr(path_ + ":5:5: contexts[1].sever: unknown field; did "
                                "you mean server?"));
  EXPECT_THAT(ErrorOf("contexts: [\n"), HasSubstr(path_ + ":2:1: "));
  EXPECT_THAT(ErrorOf("- a\n"), HasSubstr(path_ + ":1:1: "));
  EXPECT_THAT(ErrorOf("current: a\ncontexts: 7\n"),
              HasSubstr(":2:11: contexts: is \"7\"; a list is needed"));
  EXPECT_THAT(ErrorOf("current: \xff\n"), HasSubstr(":1:10: this byte"));
  EXPECT_THAT(ErrorOf("current: b\ncontexts:\n"
                      "  - {name: a, server: x:1}\n  - {name: a}\n"),
              AllOf(HasSubstr("contexts[1]: has no server"),
                    HasSubstr("contexts[1].name: \"a\" is there twice"),
                    HasSubstr(":1:1: current: \"b\" is none of the "
                              "contexts: a")));
  EXPECT_THAT(ErrorOf(std::string(70000, '#')), HasSubstr("more than 65536"));
}

TEST_F(ConfigFileTest, FlagsWinOverTheEnvironmentWhichWinsOverTheFile) {
  Write(kTwo);
  EXPECT_EQ(Choose({})->server, "unix:/lab.sock");
  EXPECT_EQ(Choose({})->token_file, "/lab.token");
  EXPECT_EQ(Choose({}, {{"LOCKSTEP_CONTEXT", "far"}})->server, "far:7000");
  EXPECT_EQ(Choose({}, {{"LOCKSTEP_CONTEXT", "far"}})->tls_ca, "/far.pem");
  // Then the environment names it, and nobody reads the file.
  EXPECT_EQ(
      Choose({}, {{"LOCKSTEP_CONTEXT", "far"}, {"LOCKSTEP_SERVER", "env:1"}})
          ->server,
      "");
  EXPECT_EQ(Choose({.server = "", .token_file = "", .context = "lab"},
                   {{"LOCKSTEP_SERVER", "env:1"}})
                ->server,
            "unix:/lab.sock");
  const auto flag =
      Choose({.server = "flag:1", .token_file = "", .context = ""});
  EXPECT_EQ(flag->server, "flag:1");
  // No other coordinator gets to see the token.
  EXPECT_EQ(flag->token_file, "");
}

TEST_F(ConfigFileTest, TheTokenFollowsTheSameOrder) {
  Write(kTwo);
  const std::map<std::string, std::string> set = {
      {"LOCKSTEP_TOKEN_FILE", "/env.token"}};
  EXPECT_EQ(Choose({}, set)->token_file, "");
  EXPECT_EQ(Choose({.server = "", .token_file = "", .context = "lab"}, set)
                ->token_file,
            "/lab.token");
  EXPECT_EQ(
      Choose({.server = "", .token_file = "/flag.token", .context = "lab"}, set)
          ->token_file,
      "/flag.token");
}

TEST_F(ConfigFileTest, AContextThatIsNotThereIsNamed) {
  Write(kTwo);
  EXPECT_THAT(
      Choose({.server = "", .token_file = "", .context = "lap"}).status(),
      ::testing::Property(&absl::Status::message,
                          HasSubstr("did you mean lab?")));
  EXPECT_EQ(Choose({}, {{"LOCKSTEP_CONTEXT", "zzzz"}}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Choose({.server = "a:1", .token_file = "", .context = "lab"})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Choose({}, {{"LOCKSTEP_CONFIG", "/nonexistent"}})->server, "");
}

}  // namespace
}  // namespace lockstep::cli
