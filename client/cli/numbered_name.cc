#include "client/cli/numbered_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace lockstep::cli {
namespace {

constexpr size_t kLongestId = 63;

}  // namespace

NumberedName ParseNumberedName(absl::string_view name, absl::string_view mark) {
  const size_t at = name.rfind(mark);
  int number = 0;
  if (at == absl::string_view::npos || at == 0 ||
      !std::all_of(name.begin() + at + mark.size(), name.end(),
                   absl::ascii_isdigit) ||
      !absl::SimpleAtoi(name.substr(at + mark.size()), &number) || number < 2) {
    return {std::string(name), 1};
  }
  return {std::string(name.substr(0, at)), number};
}

std::string NumberedNameOf(const std::string& base, absl::string_view mark,
                           int number) {
  const std::string suffix = absl::StrCat(mark, number);
  std::string head = base.substr(0, kLongestId - suffix.size());
  while (!head.empty() && head.back() == '-') head.pop_back();
  return head + suffix;
}

std::string NumberedFolder(absl::string_view output_dir, absl::string_view mark,
                           int number) {
  while (output_dir.size() > 1 && absl::ConsumeSuffix(&output_dir, "/")) {
  }
  return absl::StrCat(ParseNumberedName(output_dir, mark).base, mark, number);
}

}  // namespace lockstep::cli
