#include "server/service/rejection_log.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/printable.h"
#include "server/server_log.h"

namespace lockstep {

RejectionLog::RejectionLog(const Clock& clock)
    : RejectionLog(clock, [](const std::string& line) {
        Log({.severity = LogSeverity::kWarning,
             .source = "access",
             .message = line,
             .fields = {}});
      }) {}

void RejectionLog::Note(absl::string_view who, absl::string_view method,
                        absl::string_view reason) {
  std::vector<std::string> lines;
  {
    absl::MutexLock lock(&mu_);
    const absl::Duration now = clock_.Now();
    if (now - since_ >= absl::Minutes(1)) {
      since_ = now;
      lines_ = 0;
      if (const int64_t unsaid = std::exchange(unsaid_, 0); unsaid > 0) {
        lines.push_back(
            absl::StrCat("refused ", unsaid, " more calls before that"));
      }
    }
    if (lines_ == kLinesAMinute) {
      ++unsaid_;
      return;
    }
    ++lines_;
  }
  lines.push_back(
      absl::StrCat("refused ", Printable(who, 256), " ", method, ": ", reason));
  for (const std::string& line : lines) sink_(line);
}

}  // namespace lockstep
