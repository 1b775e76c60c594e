#include "client/cli/log_since.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/contract/log_time.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr int kNewestLines = 200;

}  // namespace

absl::StatusOr<absl::Time> ParseSince(const std::string& text, absl::Time now) {
  absl::Duration ago;
  absl::Time time;
  if (absl::ParseDuration(text, &ago) && ago >= absl::ZeroDuration()) {
    return now - ago;
  }
  if (absl::ParseTime(absl::RFC3339_full, text, &time, /*err=*/nullptr)) {
    return time;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--since \"", text,
                   "\" is neither how long ago, like 10m, nor a time like "
                   "2026-01-31T12:00:00Z"));
}

absl::StatusOr<std::string> UntimedNote(v1::StreamLogsRequest request,
                                        JobClient& client) {
  if (!request.has_since()) return "";
  request.clear_since();
  request.set_follow(false);
  request.set_tail_lines(kNewestLines);
  bool has_lines = false;
  bool has_times = false;
  RETURN_IF_ERROR(
      client.Logs(request, [&](const v1::StreamLogsResponse& lines) {
        for (const absl::string_view line :
             absl::StrSplit(lines.data(), '\n', absl::SkipEmpty())) {
          has_lines = true;
          has_times = has_times || LogTimeOf(line).has_value();
        }
      }));
  if (!has_lines || has_times) return "";
  return absl::StrCat("none of the last ", kNewestLines,
                      " lines of the log begins with a time, which --since "
                      "goes by; --tail shows the newest");
}

}  // namespace lockstep::cli
