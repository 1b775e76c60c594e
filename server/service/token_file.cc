#include "server/service/token_file.h"

#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/contract/printable.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/user_name.h"

namespace lockstep {
namespace {

constexpr char kCertificate[] = "certificate";
constexpr size_t kDigestDigits = 64;
constexpr size_t kQuotedBytes = 80;

absl::Status BadWord(absl::string_view word, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Printable(word, kQuotedBytes), "\" ", why));
}

absl::StatusOr<std::string> ParseDigest(absl::string_view word) {
  bool is_hex = word.size() == kDigestDigits;
  for (const char c : word) {
    is_hex = is_hex && absl::ascii_isxdigit(static_cast<unsigned char>(c));
  }
  // Not quoted: it may be a token, put there by mistake.
  if (!is_hex) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the second word has ", word.size(),
        " characters and is neither a SHA-256 of 64 hexadecimal digits nor "
        "\"certificate\"; `lockstep token create` prints a line"));
  }
  return absl::HexStringToBytes(word);
}

absl::StatusOr<absl::Time> ParseExpiry(absl::string_view word) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, word, &time, &error)) {
    return BadWord(word, "is no time as in 2027-01-31T12:00:00Z");
  }
  return time;
}

using Words = std::vector<absl::string_view>;

absl::Status ParseRest(const Words& words, UserEntry& entry) {
  for (size_t i = 2; i < words.size(); ++i) {
    if (const std::optional<Role> role = ParseRole(words[i])) {
      entry.role = *role;
    } else if (words[i] == "revoked") {
      entry.revoked = true;
    } else if (words[i] == "expires" && !entry.digest.empty()) {
      if (++i == words.size()) return BadWord("expires", "needs a time");
      ASSIGN_OR_RETURN(entry.expires, ParseExpiry(words[i]));
    } else {
      return BadWord(words[i],
                     "is none of viewer, user, admin, revoked and, of a token, "
                     "expires TIME");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<UserEntry> ParseEntry(const Words& words) {
  UserEntry entry;
  entry.name = std::string(words[0]);
  if (!IsValidUserName(entry.name)) {
    return BadWord(words[0],
                   absl::StrCat("is no name of a user: ", kUserNameRule));
  }
  if (words.size() < 2) {
    return BadWord(words[0],
                   "stands alone; a line is NAME SHA256_HEX [ROLE] [expires "
                   "TIME] [revoked] [# comment]");
  }
  if (words[1] != kCertificate) {
    ASSIGN_OR_RETURN(entry.digest, ParseDigest(words[1]));
  }
  RETURN_IF_ERROR(ParseRest(words, entry));
  return entry;
}

// What two lines must not both say.
std::string KeyOf(const UserEntry& entry) {
  return entry.digest.empty() ? "certificate of " + entry.name : entry.digest;
}

}  // namespace

absl::StatusOr<std::vector<UserEntry>> ParseTokenFile(absl::string_view text) {
  std::vector<UserEntry> entries;
  std::set<std::string> keys;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = line.substr(0, line.find('#'));
    const Words words =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.empty()) continue;
    absl::StatusOr<UserEntry> entry = ParseEntry(words);
    if (entry.ok() && !keys.insert(KeyOf(*entry)).second) {
      entry = BadWord(words[0],
                      "has a token or certificate that an earlier line has");
    }
    if (!entry.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", entry.status().message()));
    }
    entries.push_back(*std::move(entry));
  }
  return entries;
}

}  // namespace lockstep
