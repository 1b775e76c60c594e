#include "client/cli/retry_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace lockstep::cli {
namespace {

constexpr size_t kLongestId = 63;

}  // namespace

RetryName ParseRetryName(absl::string_view name) {
  const size_t mark = name.rfind("-r");
  int number = 0;
  if (mark == absl::string_view::npos || mark == 0 ||
      !std::all_of(name.begin() + mark + 2, name.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(name.substr(mark + 2), &number) || number < 2) {
    return {std::string(name), 1};
  }
  return {std::string(name.substr(0, mark)), number};
}

std::string RetryNameOf(const std::string& base, int number) {
  const std::string suffix = absl::StrCat("-r", number);
  std::string head = base.substr(0, kLongestId - suffix.size());
  while (!head.empty() && head.back() == '-') head.pop_back();
  return head + suffix;
}

std::string RetryFolder(absl::string_view output_dir, int number) {
  while (output_dir.size() > 1 && absl::ConsumeSuffix(&output_dir, "/")) {
  }
  return absl::StrCat(ParseRetryName(output_dir).base, "-r", number);
}

}  // namespace lockstep::cli
