#include "server/service/page_token.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/contract/errors.h"
#include "server/scheduler/attempt_tokens.h"

namespace lockstep {
namespace {

constexpr int kDefaultPageSize = 100;
constexpr int kLargestPageSize = 1000;
constexpr size_t kDigestBytes = 8;

std::string PrefixOf(absl::string_view question) {
  return TokenDigest(question).substr(0, kDigestBytes);
}

}  // namespace

std::string MakePageToken(absl::string_view question,
                          absl::string_view position) {
  return absl::WebSafeBase64Escape(absl::StrCat(PrefixOf(question), position));
}

absl::StatusOr<std::string> PositionOf(absl::string_view question,
                                       absl::string_view token) {
  if (token.empty()) return std::string();
  std::string bytes;
  absl::string_view position;
  if (absl::WebSafeBase64Unescape(token, &bytes)) position = bytes;
  if (!absl::ConsumePrefix(&position, PrefixOf(question)) || position.empty()) {
    return errors::InvalidPageToken(token);
  }
  return std::string(position);
}

int GrantedPageSize(int wanted) {
  return wanted > 0 ? std::min(wanted, kLargestPageSize) : kDefaultPageSize;
}

}  // namespace lockstep
