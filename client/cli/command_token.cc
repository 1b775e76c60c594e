#include "client/cli/command_token.h"

#include <openssl/sha.h>
#include <sys/random.h>

#include <cerrno>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/user_name.h"

namespace lockstep::cli {
namespace {

constexpr size_t kTokenBytes = 32;
constexpr int kMostDays = 36'500;

struct TokenFlags {
  std::string name;
  std::string role = "user";
  std::string expires;
};

absl::StatusOr<std::string> NewToken() {
  std::string bytes(kTokenBytes, '\0');
  if (getrandom(bytes.data(), bytes.size(), 0) !=
      static_cast<ssize_t>(bytes.size())) {
    return absl::ErrnoToStatus(errno, "random bytes for a token");
  }
  return absl::BytesToHexString(bytes);
}

std::string DigestOf(const std::string& token) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return absl::BytesToHexString(digest);
}

// "90d", or a time as it stands in the file.
absl::StatusOr<std::string> ExpiryWord(const std::string& value) {
  absl::string_view days = value;
  int count = 0;
  absl::Time time;
  std::string ignored;
  if (absl::ConsumeSuffix(&days, "d") && absl::SimpleAtoi(days, &count) &&
      count > 0 && count <= kMostDays) {
    time = absl::Now() + count * absl::Hours(24);
  } else if (!absl::ParseTime(absl::RFC3339_full, value, &time, &ignored)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--expires \"", value,
                     "\" is neither a number of days such as 90d, at most ",
                     kMostDays, "d, nor a time such as 2027-01-31T12:00:00Z"));
  }
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

absl::StatusOr<std::string> LineFor(const TokenFlags& flags,
                                    const std::string& token) {
  if (!IsValidUserName(flags.name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "NAME \"", flags.name, "\" is no name of a user: ", kUserNameRule));
  }
  std::string line =
      absl::StrCat(flags.name, " ", DigestOf(token), " ", flags.role);
  if (flags.expires.empty()) return line;
  ASSIGN_OR_RETURN(const std::string expires, ExpiryWord(flags.expires));
  return absl::StrCat(line, " expires ", expires);
}

ExitStatus Create(const CommandContext& context, const TokenFlags& flags) {
  const absl::StatusOr<std::string> token = NewToken();
  if (!token.ok()) return context.Report(token.status());
  const absl::StatusOr<std::string> line = LineFor(flags, *token);
  if (!line.ok()) return context.Report(line.status());
  context.console.out << *token << "\n";
  context.console.err << *line << "\n";
  return ExitStatus::kSuccess;
}

}  // namespace

void AddTokenCommand(CLI::App& app, CommandContext& context) {
  CLI::App* token =
      app.add_subcommand("token", "Make tokens for users of other hosts");
  token->require_subcommand(1);
  CLI::App* create = token->add_subcommand(
      "create",
      "Print a token, once, and on standard error its line for lockstepd "
      "--tokens");
  auto flags = std::make_shared<TokenFlags>();
  create->add_option("NAME", flags->name, "Whom it names")->required();
  create->add_option("--role", flags->role, "viewer, user or admin [user]")
      ->check(CLI::IsMember({"viewer", "user", "admin"}));
  create->add_option("--expires", flags->expires,
                     "After so many days, 90d, or at 2027-01-31T12:00:00Z "
                     "[never]");
  create->callback([&context, flags] {
    context.run = [&context, flags] { return Create(context, *flags); };
  });
}

}  // namespace lockstep::cli
