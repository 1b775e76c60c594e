#ifndef LOCKSTEP_SERVER_SERVER_LOG_H_
#define LOCKSTEP_SERVER_SERVER_LOG_H_

// The daemon's own log, on stderr: lines for people, or one JSON object a line
// for a program. Both are lines whatever the text holds: what moves a cursor,
// ends a line or turns the direction of writing is spelt out (printable.h), and
// what is longer than kMostLoggedBytes is cut and its length told.
//
// Thread-safe.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lockstep {

enum class LogFormat { kText, kJson };
enum class LogSeverity { kInfo, kWarning, kError };

constexpr size_t kMostLoggedBytes = 16 << 10;

struct LogField {
  absl::string_view key;
  std::string value;
};

// One entry. In text its fields are not shown: the message is for people.
struct LogEntry {
  LogSeverity severity = LogSeverity::kInfo;
  // The part of the daemon that speaks: "journal", "rpc", "lockstepd".
  absl::string_view source;
  std::string message;
  // Empty values are left out; 0 for an attempt that there is none of.
  std::vector<LogField> fields;
  int attempt = 0;
};

// From now on log entries go to stderr in this format. Called once, by main;
// before, and in tests, they go to spdlog's default logger, as text.
void StartServerLog(LogFormat format);

void Log(const LogEntry& entry);

// The line of an entry without its newline; `time` in UTC with microseconds.
std::string JsonLogLine(const LogEntry& entry, absl::Time time);

// A message fit for a line: escaped, and cut with its length told.
std::string LogText(absl::string_view message);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVER_LOG_H_
