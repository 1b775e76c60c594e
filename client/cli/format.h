#ifndef LOCKSTEP_CLIENT_CLI_FORMAT_H_
#define LOCKSTEP_CLIENT_CLI_FORMAT_H_

// Numbers and times as people read them in a terminal.

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace lockstep::cli {

std::string FormatCount(double value);                 // 18.2k, 3.1M
std::string FormatBytes(int64_t bytes);                // 1.5 GiB
std::string FormatShortDuration(absl::Duration time);  // 45s, 12m, 1h05m, 3d
std::string FormatPercent(double share);               // 41%
std::string FormatLearningRate(double rate);           // 1.8e-4
std::string FormatLoss(double loss);                   // 1.213
// Time since then; "-" when not set.
std::string FormatAge(const google::protobuf::Timestamp& time, absl::Time now);

// Columns that a UTF-8 text takes (one a character; no wide ones).
size_t DisplayWidth(absl::string_view text);

// At most that many columns, above 0, of which one says that some is missing:
// of what has a beginning that counts, or, like a path, an end.
std::string ShortenEnd(absl::string_view text, size_t width, bool unicode);
std::string ShortenFront(absl::string_view text, size_t width, bool unicode);

// Lines of at most `width` columns, broken between words where that goes; those
// behind the first are indented. Without a newline at the end.
std::string WrapLine(absl::string_view text, size_t width, size_t indent);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_FORMAT_H_
