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
  ++pending_;
  if (entries_.size() > kKept + waiting()) entries_.pop_back();
}

void CollectiveHistory::End(absl::Duration duration) {
  LOCKSTEP_CHECK(pending_ > 0);
  entries_[--pending_].duration = duration;
  if (entries_.size() > kKept + waiting()) entries_.pop_back();
}

std::string CollectiveHistory::Describe() const {
  if (entries_.empty()) return "no collective yet";
  std::vector<std::string> lines;
  for (size_t i = waiting(); i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    lines.push_back(absl::StrCat(
        entry.sequence, ", ", entry.operation, " of ", entry.bytes, " bytes, ",
        entry.duration == absl::InfiniteDuration()
            ? "pending"
            : absl::StrCat("took ", absl::FormatDuration(entry.duration))));
  }
  if (waiting() > 0) {
    lines.push_back(absl::StrCat("begun after it: ", waiting()));
  }
  return absl::StrCat("collective ", absl::StrJoin(lines, "; "));
}

}  // namespace lockstep
