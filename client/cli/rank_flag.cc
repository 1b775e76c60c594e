#include "client/cli/rank_flag.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace lockstep::cli {

absl::StatusOr<int> ParseRank(const std::string& text) {
  int rank = 0;
  if (absl::SimpleAtoi(text, &rank) && rank >= 0) return rank;
  return absl::InvalidArgumentError(absl::StrCat(
      "--rank \"", text, "\" is neither a number from 0 on nor all"));
}

}  // namespace lockstep::cli
