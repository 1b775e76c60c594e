#include "worker/comm/collective_history.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/check.h"

namespace lockstep {

void CollectiveHistory::Begin(absl::string_view operation, size_t bytes) {
  entries_.push_front({.sequence = next_++,
                       .operation = std::string(operation),
                       .bytes = bytes});
  if (entries_.size() > kKept) entries_.pop_back();
}

void CollectiveHistory::End(absl::Duration duration) {
  LOCKSTEP_CHECK(!entries_.empty());
  entries_.front().duration = duration;
}

std::string CollectiveHistory::Describe() const {
  if (entries_.empty()) return "no collective yet";
  std::vector<std::string> lines;
  for (const Entry& entry : entries_) {
    lines.push_back(absl::StrCat(
        entry.sequence, ", ", entry.operation, " of ", entry.bytes, " bytes, ",
        entry.duration == absl::InfiniteDuration()
            ? "pending"
            : absl::StrCat("took ", absl::FormatDuration(entry.duration))));
  }
  return absl::StrCat("collective ", absl::StrJoin(lines, "; "));
}

}  // namespace lockstep
