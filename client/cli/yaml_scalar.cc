#include "client/cli/yaml_scalar.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr size_t kShown = 60;  // Of a value, in a message.

absl::Status Refuse(const YamlScalar& scalar, absl::string_view allowed) {
  std::string shown = scalar.text.substr(0, kShown);
  if (shown.size() < scalar.text.size()) shown += "...";
  if (scalar.quoted) shown = absl::StrCat("\"", shown, "\"");
  return absl::InvalidArgumentError(absl::StrCat(shown, " is not ", allowed));
}

bool IsDigits(absl::string_view text) {
  for (char c : text) {
    if (!absl::ascii_isdigit(c)) return false;
  }
  return !text.empty();
}

absl::string_view WithoutSign(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "-")) absl::ConsumePrefix(&text, "+");
  return text;
}

// 010 is 8 to YAML 1.1 and 10 to YAML 1.2.
absl::Status RefuseOctal(const YamlScalar& scalar) {
  const absl::string_view digits = WithoutSign(scalar.text);
  if (digits.size() > 1 && digits[0] == '0' && IsDigits(digits)) {
    return absl::InvalidArgumentError(absl::StrCat(
        scalar.text, " has leading zeros; write the number without them"));
  }
  return absl::OkStatus();
}

absl::Status RefuseQuotes(const YamlScalar& scalar, absl::string_view kind) {
  if (!scalar.quoted) return absl::OkStatus();
  return Refuse(scalar, absl::StrCat(kind, "; write it without quotes"));
}

}  // namespace

absl::StatusOr<int64_t> ParseInteger(const YamlScalar& scalar, int64_t low,
                                     int64_t high) {
  RETURN_IF_ERROR(RefuseQuotes(scalar, "a whole number"));
  RETURN_IF_ERROR(RefuseOctal(scalar));
  if (!IsDigits(WithoutSign(scalar.text))) {
    return Refuse(scalar, "a whole number");
  }
  int64_t value = 0;
  if (!absl::SimpleAtoi(scalar.text, &value) || value < low || value > high) {
    return Refuse(scalar, absl::StrCat("between ", low, " and ", high));
  }
  return value;
}

absl::StatusOr<double> ParseReal(const YamlScalar& scalar) {
  RETURN_IF_ERROR(RefuseQuotes(scalar, "a number"));
  RETURN_IF_ERROR(RefuseOctal(scalar));
  const bool plain =
      scalar.text.find_first_not_of("0123456789+-.eE") == std::string::npos;
  double value = 0;
  if (!plain || !absl::SimpleAtod(scalar.text, &value) ||
      !std::isfinite(value)) {
    return Refuse(scalar, "a finite number");
  }
  return value;
}

absl::StatusOr<bool> ParseBool(const YamlScalar& scalar) {
  if (!scalar.quoted && scalar.text == "true") return true;
  if (!scalar.quoted && scalar.text == "false") return false;
  return Refuse(scalar, "true or false");
}

absl::StatusOr<absl::Duration> ParseTime(const YamlScalar& scalar) {
  absl::Duration value;
  if (!absl::ParseDuration(scalar.text, &value) ||
      value <= absl::ZeroDuration() || value == absl::InfiniteDuration()) {
    return Refuse(scalar, "a time like 90s, 30m or 1h30m");
  }
  return value;
}

}  // namespace lockstep::cli
