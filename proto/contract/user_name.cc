#include "proto/contract/user_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace lockstep {
namespace {

constexpr size_t kLongestUserName = 128;
constexpr absl::string_view kMarksInUserNames = ".-_@+:/";

bool IsUserNameChar(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         absl::StrContains(kMarksInUserNames, c);
}

}  // namespace

bool IsValidUserName(absl::string_view name) {
  if (name == kLocalPrincipal || name == kAdminPrincipal || name == "anybody" ||
      absl::StartsWith(name, "jobs/")) {
    return false;
  }
  return !name.empty() && name.size() <= kLongestUserName &&
         std::all_of(name.begin(), name.end(), IsUserNameChar);
}

}  // namespace lockstep
