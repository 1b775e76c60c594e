#include "server/webhook/webhook_settings.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/contract/secret_file.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

constexpr size_t kShortestKey = 24;
constexpr size_t kLongestKey = 64;

absl::Status CheckUrl(absl::string_view url) {
  absl::string_view rest = url;
  if (!absl::ConsumePrefix(&rest, "https://") &&
      !absl::ConsumePrefix(&rest, "http://")) {
    return absl::InvalidArgumentError("url: neither http:// nor https://");
  }
  const absl::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  if (host.empty()) return absl::InvalidArgumentError("url: no host");
  if (absl::StrContains(host, '@')) {
    return absl::InvalidArgumentError(
        "url: a user or password in it is not sent; the secret signs");
  }
  return absl::OkStatus();
}

absl::Status ReadKey(absl::string_view secret, std::string& key) {
  if (!absl::ConsumePrefix(&secret, "whsec_") ||
      !absl::Base64Unescape(secret, &key) || key.size() < kShortestKey ||
      key.size() > kLongestKey) {
    return absl::InvalidArgumentError(absl::StrCat(
        "secret: not whsec_ and the base64 of ", kShortestKey, " to ",
        kLongestKey, " bytes (printf whsec_; openssl rand -base64 32)"));
  }
  return absl::OkStatus();
}

absl::Status ReadLine(absl::string_view line, WebhookSettings& settings) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.size() == 2 && words[0] == "url") {
    settings.url = std::string(words[1]);
    return CheckUrl(settings.url);
  }
  if (words.size() == 2 && words[0] == "secret") {
    return ReadKey(words[1], settings.key);
  }
  return absl::InvalidArgumentError("neither \"url URL\" nor \"secret KEY\"");
}

}  // namespace

absl::StatusOr<WebhookSettings> LoadWebhookSettings(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadSecretFile(path));
  WebhookSettings settings;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    if (absl::Status read = ReadLine(line, settings); !read.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", number, ": ", read.message()));
    }
  }
  if (settings.url.empty() || settings.key.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": no line \"",
                     settings.url.empty() ? "url URL" : "secret KEY", "\""));
  }
  return settings;
}

}  // namespace lockstep
