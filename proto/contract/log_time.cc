#include "proto/contract/log_time.h"

#include "absl/strings/str_cat.h"

namespace lockstep {

std::string FormatLogTime(absl::Time time) {
  return absl::StrCat(
      absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", time, absl::UTCTimeZone()),
      " ");
}

std::optional<absl::Time> LogTimeOf(absl::string_view line) {
  const absl::string_view head = line.substr(0, kLogTimeBytes);
  if (head.size() < kLogTimeBytes || head[kLogTimeBytes - 1] != ' ' ||
      head[kLogTimeBytes - 2] != 'Z') {
    return std::nullopt;
  }
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, head.substr(0, kLogTimeBytes - 1),
                       &time, /*err=*/nullptr)) {
    return std::nullopt;
  }
  return time;
}

}  // namespace lockstep
