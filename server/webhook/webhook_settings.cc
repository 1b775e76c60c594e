#include "server/webhook/webhook_settings.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

constexpr size_t kMostBytes = 4096;
constexpr size_t kShortestKey = 24;
constexpr size_t kLongestKey = 64;

absl::StatusOr<std::string> ReadPrivateFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", path));
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a file"));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " holds a secret and may be read by others; chmod 600"));
  }
  std::string text(kMostBytes + 1, '\0');
  const ssize_t size = pread(fd, text.data(), text.size(), 0);
  if (size < 0) return absl::ErrnoToStatus(errno, absl::StrCat("read ", path));
  if (static_cast<size_t>(size) > kMostBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has more than ", kMostBytes, " bytes"));
  }
  text.resize(static_cast<size_t>(size));
  return text;
}

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
  ASSIGN_OR_RETURN(const std::string text, ReadPrivateFile(path));
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
