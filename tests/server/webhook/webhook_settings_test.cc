#include "server/webhook/webhook_settings.h"

#include <sys/stat.h>

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSecret[] = "secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";

class WebhookSettingsTest : public ::testing::Test {
 protected:
  absl::StatusOr<WebhookSettings> Load(const std::string& text,
                                       mode_t mode = 0600) {
    std::ofstream(path_) << text;
    chmod(path_.c_str(), mode);
    return LoadWebhookSettings(path_);
  }
  std::string Error(const std::string& text) {
    const auto settings = Load(text);
    return settings.ok() ? "" : std::string(settings.status().message());
  }

  testing::ScopedTempDir dir_;
  const std::string path_ = dir_.Path("webhook");
};

TEST_F(WebhookSettingsTest, ReadsUrlAndKey) {
  const auto settings =
      Load(std::string(
               "# of the team's chat\n\nurl  https://example.com/hook?a=b\n") +
           kSecret);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->url, "https://example.com/hook?a=b");
  EXPECT_EQ(settings->key.size(), 24);
}

TEST_F(WebhookSettingsTest, AFileThatOthersMayReadIsRefused) {
  const auto settings = Load(std::string("url http://h\n") + kSecret, 0640);
  EXPECT_TRUE(absl::IsFailedPrecondition(settings.status()));
  EXPECT_THAT(std::string(settings.status().message()),
              HasSubstr(path_ + " has mode 0640 and may be read by others"));
}

TEST_F(WebhookSettingsTest, NamesTheLineAndWhatIsAllowed) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ": no line \"url URL\""},
      {"url http://h\n", ": no line \"secret KEY\""},
      {"\nurl ftp://h\n", ":2: url: neither http:// nor https://"},
      {"url https:///x\n", ":1: url: no host"},
      {"url https://user:pass@h/\n", ":1: url: a user or password"},
      {"key x\n", ":1: neither \"url URL\" nor \"secret KEY\""},
      {"url http://h http://i\n", ":1: neither \"url URL\""},
      {"secret whsec_c2hvcnQ=\n",
       ":1: secret: not whsec_ and the base64 of 24"},
      {"secret MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", ":1: secret: not whsec_"},
      {"secret whsec_!\n", ":1: secret: not whsec_"},
  };
  for (const auto& [text, why] : cases) {
    EXPECT_THAT(Error(text), HasSubstr(why)) << text;
    EXPECT_THAT(Error(text), Not(HasSubstr("pass@"))) << text;
  }
}

TEST_F(WebhookSettingsTest, WhatIsNoFileIsRefused) {
  EXPECT_TRUE(
      absl::IsNotFound(LoadWebhookSettings(dir_.Path("missing")).status()));
  EXPECT_THAT(std::string(LoadWebhookSettings(dir_.path()).status().message()),
              HasSubstr("is not a regular file"));
}

}  // namespace
}  // namespace lockstep
