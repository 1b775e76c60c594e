#include "client/cli/step_range.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lockstep::cli {
namespace {

constexpr int64_t kMostSteps = 1'000'000'000'000;

}  // namespace

absl::StatusOr<StepRange> ParseStepRange(absl::string_view text) {
  const std::vector<absl::string_view> ends = absl::StrSplit(text, '-');
  StepRange range;
  if (ends.size() > 2 || !absl::SimpleAtoi(ends.front(), &range.first) ||
      !absl::SimpleAtoi(ends.back(), &range.last) || range.first < 1 ||
      range.last < range.first || range.last > kMostSteps) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--steps \"", text,
        "\" is neither a step from 1 on nor a range like 100-110"));
  }
  return range;
}

}  // namespace lockstep::cli
